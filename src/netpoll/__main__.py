"""`python -m netpoll` is the `netpoll` command."""

import sys

from netpoll.cli import main

if __name__ == "__main__":
    sys.exit(main())
