"""A test in the kernel's place: answers to system calls, and a record of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from netpoll._runtime.intercept import NAMES, intercept

TABLE = frozenset(NAMES)
"""The names of all calls that there are."""

Answer = Callable[..., Any]


@contextmanager
def answering(**functions: Answer) -> Iterator[None]:
    """Let each function answer the system call of its name; None from it is the kernel's turn."""
    with ExitStack() as given_back:
        for name, function in functions.items():
            given_back.callback(intercept, name, None)
            intercept(name, function)
        yield


def on(descriptor: int, answer: Answer) -> Answer:
    """Answer for one descriptor, the kernel for all others."""

    def only(fd: int, *details: Any) -> Any:
        return answer(fd, *details) if fd == descriptor else None

    return only


def into(descriptor: int, answer: Answer) -> Answer:
    """Answer for one descriptor that is written to from another, as splice does."""

    def only(source: int, target: int, *details: Any) -> Any:
        return answer(source, target, *details) if target == descriptor else None

    return only


def one_by_one(*answers: Any) -> Answer:
    """Give these answers, one a call; then it is the kernel's turn."""
    left = list(answers)

    def next_answer(*_: Any) -> Any:
        return left.pop(0) if left else None

    return next_answer


class Calls:
    """The system calls that were made, in order: name and details."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[Any, ...]]] = []

    def note(self, name: str) -> Answer:
        """Return a function that notes a call and leaves it to the kernel."""

        def noted(*details: Any) -> None:
            self.made.append((name, details))

        return noted

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [details for called, details in self.made if called == name]

    def count(self) -> Counter[str]:
        return Counter(name for name, _ in self.made)


@contextmanager
def recorded(*names: str) -> Iterator[Calls]:
    """Note each call of these names; the kernel answers."""
    calls = Calls()
    with answering(**{name: calls.note(name) for name in names}):
        yield calls
