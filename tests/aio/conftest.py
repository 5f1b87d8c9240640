"""The threads of aio end with each test, so that what it leaves behind is seen."""

from collections.abc import Iterator

import pytest

from netpoll import aio


@pytest.fixture(autouse=True)
def ends_with_the_test(leaks_nothing: None) -> Iterator[None]:
    yield
    aio.close()
