"""The limit of open files, which bounds the number of connections."""

import resource

# Standard streams, listener, poller, wake-up descriptors, the pipes between client and server, and
# what the interpreter opens for a moment.
_RESERVED = 32


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one, and return the limit that then holds.

    Source: go1.27 os/rlimit.go; setrlimit(2)
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def room_for_connections() -> int:
    """Raise the limit as far as it goes, and return how many connections fit."""
    return max(0, raise_open_files() - _RESERVED)
