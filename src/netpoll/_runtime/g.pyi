from typing import Self

from typing_extensions import disjoint_base

@disjoint_base
class Watcher: ...

@disjoint_base
class G:
    def __new__(cls) -> Self: ...
    @property
    def id(self) -> int: ...
