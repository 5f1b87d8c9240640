"""What a context is done with.

Nothing of the package is imported here: the compiled part of the contexts raises these.
"""


class ContextCancelled(Exception):
    """The context was cancelled.

    context: the one that was, which may be one that this context was made from.
    Its cause, if one was given, is `__cause__`.
    """

    def __init__(
        self, reason: str = "the context was cancelled", context: object | None = None
    ) -> None:
        super().__init__(reason)
        self.context = context

    def __reduce__(self) -> tuple[type["ContextCancelled"], tuple[str]]:
        return type(self), (str(self),)


class ContextDeadlineExceeded(TimeoutError):
    """The time of the context is over.

    context: the one whose time it was, which may be one that this context was made from.
    Its cause, if one was given, is `__cause__`.
    """

    def __init__(
        self, reason: str = "the context's time is over", context: object | None = None
    ) -> None:
        super().__init__(reason)
        self.context = context

    def __reduce__(self) -> tuple[type["ContextDeadlineExceeded"], tuple[str]]:
        return type(self), (str(self),)
