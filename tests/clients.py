"""Programs of others that a test drives a server with."""

import os
import shutil

import pytest

REQUIRED = "NETPOLL_CLIENTS"
"""The environment variable that makes a missing program a failure, with the value "required"."""

# /usr/sbin, where the tools of administrators are, is not on every user's PATH.
_PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def client(name: str) -> str:
    """Return the path of a program; skip the test if there is none, or fail it if it must be."""
    path = shutil.which(name, path=_PLACES)
    if path is not None:
        return path
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{name} is not installed, and {REQUIRED} says that it is required")
    pytest.skip(f"{name} is not installed")
