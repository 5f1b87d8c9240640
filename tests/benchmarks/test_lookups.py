"""Look-ups are measured in a place where there is one name server, which can be checked."""

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import building
from benchmarks.bench import Programs
from benchmarks.cores import choose
from benchmarks.lookups import addresses_of, inside, name_of, place, verify
from benchmarks.processes import MeasureError
from benchmarks.scenarios.lookups import parse

LOOK_UP = """
import json, socket, sys
found = {name: sorted({a[4][0] for a in socket.getaddrinfo(name, None)}) for name in sys.argv[1:]}
print(json.dumps([found, [name for _, name in socket.if_nameindex()]]))
"""


@pytest.mark.parametrize(
    ("number", "addresses"),
    [
        (0, {"10.0.0.0", "fd00::"}),
        (258, {"10.0.1.2", "fd00::102"}),
        (70000, {"10.1.17.112", "fd00::1:1170"}),
    ],
)
def test_the_addresses_of_a_name_are_its_number(number: int, addresses: set[str]) -> None:
    assert addresses_of(number) == addresses
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        assert socket.inet_ntop(family, socket.inet_pton(family, address)) == address


def test_what_was_found_has_to_be_all_and_right() -> None:
    found = {number: addresses_of(number) for number in range(3)}
    verify(found, 3)
    with pytest.raises(SystemExit, match=r"h3\.bench\.test was found at no address"):
        verify(found, 4)
    found[1] = addresses_of(1) | {"10.9.9.9"}
    with pytest.raises(SystemExit, match=r"h1\.bench\.test was found at .*10\.9\.9\.9"):
        verify(found, 3)


def test_the_figures_are_of_all_names_together() -> None:
    line = '{"operations": 4, "cpu_ns": 8000000, "wall_ns": 3000000, "peak_kib": 1}'
    assert parse(line) == {"wall": 3.0, "cpu": 8.0, "each": 2000.0}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"operations": 0, "cpu_ns": 1, "wall_ns": 1}'])
def test_what_makes_no_sense_is_no_measurement(text: str) -> None:
    with pytest.raises(MeasureError, match="it said"):
        parse(text)


def test_without_unshare_there_are_no_look_ups_and_it_is_said(
    nothing_in_go: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    place.find.cache_clear()
    assert place.find(nothing_in_go)[1].startswith("there is no unshare")
    place.find.cache_clear()


def test_without_the_right_to_it_there_are_no_look_ups_and_it_is_said(
    nothing_in_go: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = ("sh", "-c", "echo unshare: not permitted >&2; exit 1")
    monkeypatch.setattr(place, "PREFIXES", (refusing, refusing))
    place.find.cache_clear()
    prefix, reason = place.find(nothing_in_go)
    place.find.cache_clear()
    assert prefix == ()
    assert reason == "a network of its own needs root here: unshare: not permitted"


@pytest.fixture(scope="module")
def programs(nothing_in_go: Programs, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Build what the place is made with."""
    native = building.HERE / "native"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "BUILD", tmp_path_factory.mktemp("build"))
        return replace(
            nothing_in_go,
            pinned=building.build_c("pinned", [native / "pinned.c"]),
            dns_server=building.build_c("dns", [native / "dns_server.c"]),
        )


@pytest.mark.parametrize("prefix", inside.PREFIXES, ids=["as root", "as anybody"])
def test_in_the_place_everybody_asks_our_name_server_and_outside_nobody_does(
    programs: Programs, prefix: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "PREFIXES", (prefix,))
    place.find.cache_clear()
    found, reason = place.find(programs)
    place.find.cache_clear()
    if reason:
        pytest.skip(reason)
    before = [Path(file).read_bytes() for file in inside.CONTENTS if Path(file).exists()]
    names = [name_of(number) for number in (1, 999)]
    core = str(choose().client)
    command = inside.wrapped(found, core, str(programs.pinned), str(programs.dns_server), "0")
    done = subprocess.run(
        [*command, sys.executable, "-c", LOOK_UP, *names],
        cwd=building.HERE.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told, interfaces = json.loads(done.stdout)
    assert told == {name_of(n): sorted(addresses_of(n)) for n in (1, 999)}
    assert interfaces == ["lo"]
    assert before == [Path(file).read_bytes() for file in inside.CONTENTS if Path(file).exists()]


def test_the_status_of_the_command_is_passed_on(programs: Programs) -> None:
    found, reason = place.find(programs)
    if reason:
        pytest.skip(reason)
    command = inside.wrapped(
        found, str(choose().client), str(programs.pinned), str(programs.dns_server), "0"
    )
    done = subprocess.run(
        [*command, sys.executable, "-c", "raise SystemExit(7)"],
        cwd=building.HERE.parent,
        timeout=30,
        check=False,
    )
    assert done.returncode == 7
