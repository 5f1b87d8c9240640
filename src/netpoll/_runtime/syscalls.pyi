from netpoll._runtime.intercept import NAMES as NAMES
from netpoll._runtime.intercept import intercept as intercept
