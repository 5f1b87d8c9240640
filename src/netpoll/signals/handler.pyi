from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, final

def known(number: int) -> int: ...
def set_handler(
    number: int, handler: Callable[[int, FrameType | None], Any] | int | None
) -> None: ...

@final
class ToChannel:
    def __new__(cls, channel: object) -> ToChannel: ...
    def __call__(self, number: int) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Delivery:
    def __new__(
        cls,
        entries: dict[int, Any],
        lock: AbstractContextManager[bool],
        remove: Callable[[Callable[[int], bool], Iterable[int]], object],
        withdraw: Callable[[int], object],
    ) -> Delivery: ...
    def __call__(self, number: int, frame: FrameType | None) -> None: ...
