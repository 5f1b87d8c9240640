"""Servers of equal rank share the load."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.net.lookup.choice import ordered_mx, ordered_srv
from netpoll.net.lookup.records import MX, SRV

records = st.lists(
    st.builds(SRV, st.just("a."), st.integers(0, 9), st.integers(0, 3), st.integers(0, 65535))
)


@given(records, st.randoms())
def test_services_come_by_priority_and_none_is_lost(
    found: list[SRV], chance: random.Random
) -> None:
    result = ordered_srv(found, chance.randrange)
    assert sorted(result) == sorted(found)
    priorities = [record.priority for record in result]
    assert priorities == sorted(priorities)


@pytest.mark.parametrize("weights", [[1, 2, 3, 4], [10, 0, 90], [1, 1]])
def test_a_service_comes_first_as_often_as_it_has_weight(weights: list[int]) -> None:
    # Source: go1.27 net/dnsclient_test.go TestWeighting
    chance = random.Random(1)
    found = [SRV(f"{weight}.", 1, 1, weight) for weight in weights]
    rounds = 2000
    firsts = Counter(ordered_srv(found, chance.randrange)[0].weight for _ in range(rounds))
    for weight in set(weights):
        share = weight * weights.count(weight) / sum(weights)
        assert abs(firsts[weight] / rounds - share) < 0.05


@given(st.lists(st.builds(MX, st.text(), st.integers(0, 3))), st.randoms())
def test_mail_servers_come_by_preference_and_none_is_lost(
    found: list[MX], chance: random.Random
) -> None:
    result = ordered_mx(found, chance.randrange)
    assert sorted(result) == sorted(found)
    assert [one.preference for one in result] == sorted(one.preference for one in found)


def test_mail_servers_of_one_preference_take_turns() -> None:
    chance = random.Random(1)
    found = [MX("a.", 1), MX("b.", 1), MX("c.", 1)]
    firsts = Counter(ordered_mx(found, chance.randrange)[0].host for _ in range(600))
    assert all(firsts[one.host] > 150 for one in found)
