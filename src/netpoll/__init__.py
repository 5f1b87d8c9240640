"""Go's network poller for Python: plain blocking code, a goroutine per connection."""

__version__ = "0.1.0"

from netpoll import lowlevel as lowlevel
from netpoll import net as net
from netpoll._runtime.goroutine import Goroutine as Goroutine
from netpoll._runtime.goroutine import current as current
from netpoll._runtime.goroutine import go as go
from netpoll._runtime.goroutine import gosched as gosched
from netpoll._runtime.goroutine import sleep as sleep
from netpoll._runtime.lifecycle import run as run
from netpoll._runtime.report import excepthook as excepthook
from netpoll._runtime.threads import blocking as blocking
from netpoll.errors import AddrError as AddrError
from netpoll.errors import Cancelled as Cancelled
from netpoll.errors import ClosedError as ClosedError
from netpoll.errors import DeadlineExceeded as DeadlineExceeded
from netpoll.errors import DeadlockError as DeadlockError
from netpoll.errors import DNSError as DNSError
from netpoll.errors import GoroutineCancelled as GoroutineCancelled
from netpoll.errors import OpError as OpError
from netpoll.errors import UnknownNetworkError as UnknownNetworkError
