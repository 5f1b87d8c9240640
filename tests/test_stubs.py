"""The stubs: one beside each compiled module, and what they say is what is there."""

import ast
import importlib
import inspect
import os
import socket
import sys
from collections.abc import Callable, Iterator
from io import BufferedReader, BufferedRWPair, BufferedWriter, TextIOWrapper
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, assert_type, get_args, get_origin, get_type_hints

import pytest

import netpoll
from netpoll import Goroutine, go, net
from netpoll._runtime import report
from netpoll.net.makefile import ConnFile
from tests.running import in_run, says

PACKAGE = Path(netpoll.__file__).parent
STUBS = sorted(PACKAGE.rglob("*.pyi"))


def module_of(path: Path) -> str:
    """Return the dotted name of the module that a stub or a compiled file is of."""
    place = path.parent.relative_to(PACKAGE.parent)
    return ".".join([*place.parts, path.name.partition(".")[0]])


def documented(node: ast.Module | ast.ClassDef, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the docstring of each class and function that has one."""
    for item in node.body:
        if isinstance(item, ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(item)
            if text is not None:
                yield above + item.name, text
        if isinstance(item, ast.ClassDef):
            yield from documented(item, f"{item.name}.")


def test_each_compiled_module_has_a_stub_beside_it() -> None:
    assert {module_of(stub) for stub in STUBS} == {module_of(so) for so in PACKAGE.rglob("*.so")}


def test_type_checkers_are_told_that_there_are_types() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""


@pytest.mark.parametrize("stub", STUBS, ids=module_of)
def test_a_docstring_is_that_of_the_module_itself(stub: Path) -> None:
    module = importlib.import_module(module_of(stub))
    said = dict(documented(ast.parse(stub.read_text(encoding="utf-8"))))
    assert said == {path: inspect.cleandoc(attrgetter(path)(module).__doc__) for path in said}


def test_a_goroutine_can_be_subscripted() -> None:
    assert get_origin(Goroutine[int]) is Goroutine
    assert get_args(Goroutine[int]) == (int,)


@in_run
def test_the_result_of_join_has_the_type_that_the_function_returns() -> None:
    assert assert_type(go(len, "abc").join(), int) == 3


def test_whatever_takes_two_arguments_can_be_the_excepthook() -> None:
    class Journal:
        def note(self, g: Goroutine, e: BaseException) -> None:
            pass

    def hook(g: Goroutine[Any], error: BaseException) -> None:
        pass

    # What is told to type checkers, which hold the assignments against it:
    kinds = [one.kind for one in inspect.signature(report.excepthook).parameters.values()]
    assert kinds == [inspect.Parameter.POSITIONAL_ONLY] * 2
    netpoll.excepthook = hook
    netpoll.excepthook = lambda _g, _e: None
    netpoll.excepthook = Journal().note


@pytest.mark.parametrize("public", [netpoll.run, netpoll.blocking, report.excepthook])
def test_type_hints_can_be_had_at_run_time(public: Callable[..., object]) -> None:
    assert "return" in get_type_hints(public)


@pytest.mark.parametrize("module", [netpoll, net, netpoll.lowlevel])
def test_all_names_all_that_is_public(module: ModuleType) -> None:
    assert all(hasattr(module, name) for name in module.__all__)
    there = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    modules = {name for name in module.__all__ if isinstance(getattr(module, name), ModuleType)}
    assert there == set(module.__all__) - modules


@pytest.mark.parametrize("name", ["netpoll", "netpoll.net"])
def test_completion_shows_what_is_public_before_it_is_used(name: str) -> None:
    program = f"import {name} as module; print(set(module.__all__) - set(dir(module)))"
    assert says(program) == "set()\n"


@pytest.mark.parametrize("public", [net.Conn, net.Listener, net.TCPConn, net.TCPListener])
def test_each_method_and_property_says_what_it_does(public: type) -> None:
    names = [name for name in dir(public) if not name.startswith("_")]
    assert [name for name in names if not getattr(public, name).__doc__] == []


@in_run
def test_a_control_may_read_and_set_options() -> None:
    seen: list[int] = []

    def control(network: str, address: str, raw: net.RawSocket) -> None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 3)
        seen.append(raw.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY))
        kind = raw.getsockopt_bytes(socket.SOL_SOCKET, socket.SO_TYPE, 4)
        seen.append(int.from_bytes(kind, sys.byteorder))
        assert os.get_inheritable(raw.fileno()) is False

    net.listen("tcp", "127.0.0.1:0", control=control).close()
    assert seen == [3, socket.SOCK_STREAM]


@in_run
def test_the_types_that_signatures_name_can_be_named() -> None:
    seen: list[tuple[str, str]] = []
    controls: list[net.Control] = [lambda network, address, _: seen.append((network, address))]
    with net.listen("tcp", "127.0.0.1:0", control=controls[0]) as listener:
        conn: net.Conn = net.dial("tcp", str(listener.local_addr))
    with conn:
        assert isinstance(assert_type(conn.remote_addr, net.Addr), net.TCPAddr)
    assert seen == [("tcp4", "127.0.0.1:0")]


@in_run
def test_makefile_returns_the_type_that_its_mode_is_said_to_give() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        conn = net.dial("tcp", str(listener.local_addr))
    with conn:
        assert type(assert_type(conn.makefile(), TextIOWrapper)) is TextIOWrapper
        assert type(assert_type(conn.makefile("rw"), TextIOWrapper)) is TextIOWrapper
        assert type(assert_type(conn.makefile("rb"), BufferedReader)) is BufferedReader
        assert type(assert_type(conn.makefile("rb", 9), BufferedReader)) is BufferedReader
        assert type(assert_type(conn.makefile("bw"), BufferedWriter)) is BufferedWriter
        assert type(assert_type(conn.makefile("rwb"), BufferedRWPair)) is BufferedRWPair
        assert type(assert_type(conn.makefile("rb", 0), ConnFile)) is ConnFile
        assert type(assert_type(conn.makefile("wb", 0), ConnFile)) is ConnFile
