from typing import Self

from typing_extensions import disjoint_base

from netpoll._runtime.netpoll import Poller

@disjoint_base
class EpollPoller(Poller):
    def __new__(cls) -> Self: ...
