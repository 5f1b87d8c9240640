from typing_extensions import disjoint_base

@disjoint_base
class Shared:
    """Something that goroutines of any thread wait in; the kinds are in the other files."""
