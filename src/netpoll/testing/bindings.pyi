def bound_to(names: dict[str, object], objects: tuple[object, ...]) -> list[tuple[str, object]]:
    """Return the names whose value is one of the objects itself, each with it; none is compared."""
