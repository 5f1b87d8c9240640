"""What /etc/hosts says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.net.lookup.hosts import Hosts, parse

PLAIN = b"""\
255.255.255.255\tbroadcasthost
127.0.0.2\todin
127.0.0.3\todin  # a comment
::2             odin
127.1.1.1\tthor
# aliases
127.1.1.2\tullr ullrhost
fe80::1%lo0\tlocalhost
# what is no address, or has no name
123.123.123\tloki
321.321.321.321
127.0.0.1%lo tyr
"""

SEVERAL = b"""\
::1 localhost
fe80:0000:0000:0000:0000:0000:0000:0001 localhost # the same network
fe80:0:0:0:0:0:0:2%lo0 localhost
fe80::3%lo0 localhost localhost.localdomain"""

CAPITALS = b"127.0.0.1 PreserveMe PreserveMe.local\n::1 PreserveMe PreserveMe.local\n"


@pytest.mark.parametrize(
    ("content", "name", "addresses"),
    [
        # Source: go1.27 net/hosts_test.go lookupStaticHostTests
        (PLAIN, "odin", ["127.0.0.2", "127.0.0.3", "::2"]),
        (PLAIN, "thor", ["127.1.1.1"]),
        (PLAIN, "ullr", ["127.1.1.2"]),
        (PLAIN, "ullrhost", ["127.1.1.2"]),
        (PLAIN, "localhost", ["fe80::1%lo0"]),
        (PLAIN, "loki", []),
        (PLAIN, "tyr", []),
        (PLAIN, "", []),
        (b"127.0.0.2\todin", "odin", ["127.0.0.2"]),
        (SEVERAL, "localhost", ["::1", "fe80::1", "fe80::2%lo0", "fe80::3%lo0"]),
        (SEVERAL, "localhost.localdomain", ["fe80::3%lo0"]),
        (CAPITALS, "PreserveMe", ["127.0.0.1", "::1"]),
        (CAPITALS, "PreserveMe.local", ["127.0.0.1", "::1"]),
    ],
)
def test_a_name_has_its_addresses_whatever_its_case(
    content: bytes, name: str, addresses: list[str]
) -> None:
    hosts = parse(content)
    dotted = f"{name}." if "." in name else name
    for spelling in (name, dotted, name.lower(), name.upper()):
        assert hosts.addresses(spelling)[0] == addresses


@pytest.mark.parametrize(
    ("content", "address", "names"),
    [
        # Source: go1.27 net/hosts_test.go lookupStaticAddrTests
        (PLAIN, "255.255.255.255", ["broadcasthost"]),
        (PLAIN, "127.0.0.3", ["odin"]),
        (PLAIN, "::2", ["odin"]),
        (PLAIN, "0:0::2", ["odin"]),
        (PLAIN, "127.1.1.2", ["ullr", "ullrhost"]),
        (PLAIN, "fe80::1%lo0", ["localhost"]),
        (PLAIN, "fe80::1", []),
        (PLAIN, "odin", []),
        (SEVERAL, "fe80::3%lo0", ["localhost", "localhost.localdomain."]),
        (CAPITALS, "::1", ["PreserveMe", "PreserveMe.local."]),
    ],
)
def test_an_address_has_its_names_as_they_are_spelt(
    content: bytes, address: str, names: list[str]
) -> None:
    assert parse(content).names(address) == names


ALIASES = b"""\
127.0.0.1 test
127.0.0.2 test2.example.com 2.test
127.0.0.3 3.test test3.example.com
127.0.0.5 test4.example.com 4.test 5.test test5.example.com
127.0.0.6 5.test
"""


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        # Source: go1.27 net/hosts_test.go lookupStaticHostAliasesTest
        ("test", "test"),
        ("test2.example.com", "test2.example.com."),
        ("2.test", "test2.example.com."),
        ("test3.example.com", "3.test."),
        ("3.test", "3.test."),
        ("test5.example.com", "test4.example.com."),
        ("5.test", "test4.example.com."),
        ("test4.example.com", "test4.example.com."),
        ("nobody", ""),
    ],
)
def test_the_first_name_of_the_first_line_is_the_canonical_one(name: str, canonical: str) -> None:
    hosts = parse(ALIASES)
    for spelling in (name, name.upper()):
        assert hosts.addresses(spelling)[1] == canonical


def test_who_changes_what_was_found_changes_nothing_for_others() -> None:
    # Source: go1.27 net/hosts_test.go TestHostCacheModification
    hosts = parse(PLAIN)
    for found in (hosts.addresses("odin")[0], hosts.names("127.1.1.2"), hosts.addresses("x")[0]):
        found.append("junk")
    assert hosts.addresses("odin")[0] == ["127.0.0.2", "127.0.0.3", "::2"]
    assert hosts.names("127.1.1.2") == ["ullr", "ullrhost"]
    assert hosts.addresses("x")[0] == []


@given(st.binary())
def test_whatever_it_says_it_can_be_read(content: bytes) -> None:
    assert isinstance(parse(content), Hosts)
