from typing_extensions import disjoint_base

@disjoint_base
class Unheard:
    def __del__(self) -> None: ...
