from typing import Self

from typing_extensions import disjoint_base

from netpoll._runtime.netpoll import Poller

@disjoint_base
class SignalGate:
    def __new__(cls, poller: Poller) -> Self: ...
