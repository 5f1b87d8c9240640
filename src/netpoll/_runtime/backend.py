"""The one place that asks which operating system this is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpoll._runtime.netpoll import Poller

if sys.platform == "linux":
    from netpoll._runtime.netpoll_epoll import EpollPoller as _Poller
else:
    raise ImportError(f"netpoll runs on Linux for now, not on {sys.platform}")


def new_poller() -> Poller:
    """Return a poller for this system; it opens nothing before it is first used."""
    return _Poller()
