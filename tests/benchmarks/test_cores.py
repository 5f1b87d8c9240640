import pytest

from benchmarks import cores
from benchmarks.cores import Cores, choose, parse_list


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0\n", {0}), ("0-3", {0, 1, 2, 3}), ("0,8", {0, 8}), ("1-2,7", {1, 2, 7})],
)
def test_a_list_is_read_as_the_kernel_writes_it(text: str, numbers: set[int]) -> None:
    assert parse_list(text) == numbers


@pytest.fixture
def pairs_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processors 0 and 1, 2 and 3 ... be two threads of one core each."""
    monkeypatch.setattr(cores, "_siblings", lambda core: {core & ~1, core | 1})


@pytest.mark.usefixtures("pairs_of_threads")
@pytest.mark.parametrize(
    ("allowed", "chosen"),
    [
        ([0, 1, 2, 3], Cores(server=3, client=0)),
        ([1, 2, 3], Cores(server=3, client=1)),
        ([2, 3], Cores(server=3, client=2)),  # better than one after the other on the same
        ([5], Cores(server=5, client=5)),
    ],
)
def test_client_and_server_get_a_core_each_if_there_are_two(
    allowed: list[int], chosen: Cores
) -> None:
    assert choose(allowed) == chosen


def test_one_core_is_not_apart() -> None:
    assert not choose([4]).apart
    assert choose([4, 6]).apart
