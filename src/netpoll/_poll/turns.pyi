from typing_extensions import disjoint_base

@disjoint_base
class Turns:
    """The turns of a descriptor."""

    def settimeout(self, seconds: float | None) -> None:
        """Limit each later operation to `seconds`, None for no limit. ValueError: negative or NaN.

        Zero means: fail rather than wait.
        """

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds, None if there is none."""
