def name_of_thread(ident: int) -> str:
    """Return the name of the thread with this number."""

def name_of_goroutine(number: int) -> str:
    """Return the name of the goroutine with this id, of whatever thread."""
