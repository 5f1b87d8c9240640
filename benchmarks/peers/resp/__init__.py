"""Servers that speak Redis' protocol: Redis itself, and the example on netpoll and on gevent.

Each prints where it listens.
"""

from pathlib import Path

from benchmarks.building import HERE
from benchmarks.contenders import Contender, in_python

EXAMPLES = HERE.parent / "examples"
_HERE = Path(__file__).parent

REDIS = Contender(
    "redis", "redis-server", in_python(_HERE / "redis_server.py"), tool="redis-server"
)
NETPOLL = Contender(
    "netpoll",
    "netpoll, the example",
    in_python(EXAMPLES / "resp_server.py"),
    "netpoll",
    "netpoll",
    last=("127.0.0.1:0",),
)
GEVENT = Contender(
    "gevent",
    "gevent, the same engine",
    in_python(_HERE / "gevent_server.py"),
    "gevent",
    "gevent",
    last=(str(EXAMPLES),),
)

SERVERS = (REDIS, NETPOLL, GEVENT)
