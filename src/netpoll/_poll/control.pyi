from typing import Self

from typing_extensions import disjoint_base

@disjoint_base
class Arrival:
    """A message that has come, and the descriptors in it until they are handed out."""

    def __new__(cls, control_size: int) -> Self: ...
