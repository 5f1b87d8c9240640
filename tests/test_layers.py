"""The layer order of pyproject.toml, held against every source file, compiled ones included."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "netpoll"
SOURCES = sorted(
    path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".pyi", ".pyx", ".pxd"}
)

ONE_BELOW_THE_PACKAGE = (
    "serving"  # netpoll/__init__.py gives out what this layer and those below offer
)

STRING = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'', re.DOTALL)
COMMENT = re.compile(r"#.*")
PLAIN_IMPORT = re.compile(r"^[ \t]*c?import[ \t]+(.+)$", re.MULTILINE)
FROM_IMPORT = re.compile(
    r"^[ \t]*from[ \t]+([\w.]+)[ \t]+c?import[ \t]+(\([^)]*\)|.+)$", re.MULTILINE
)
SYSTEM = re.compile(
    r"\b(?:sys\.platform|os\.name)\b"
    r"|^[ \t]*from[ \t]+(?:sys[ \t]+import\b.*\bplatform|os[ \t]+import\b.*\bname)\b",
    re.MULTILINE,
)


def layers() -> list[set[str]]:
    """Return the modules of each layer, highest first, the package itself among them."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = configuration["tool"]["importlinter"]["contracts"]
    rows = [set(re.findall(r"\w+", row)) for row in contract["layers"]]
    (below,) = (index for index, row in enumerate(rows) if ONE_BELOW_THE_PACKAGE in row)
    rows.insert(below, {""})
    return rows


def code(text: str) -> str:
    """Return the text without its long strings and comments."""
    return COMMENT.sub("", STRING.sub('""', text))


def words(clause: str) -> list[str]:
    """Return the names that an import clause imports, without what they are renamed to."""
    return [part.split()[0] for part in clause.strip("()").split(",") if part.strip()]


def imported(text: str, package: list[str]) -> Iterator[list[str]]:
    """Yield the dotted path of each import in a module that lives in that package."""
    text = code(text)
    for match in PLAIN_IMPORT.finditer(text):
        yield from (word.split(".") for word in words(match[1]))
    for match in FROM_IMPORT.finditer(text):
        name = match[1].lstrip(".")
        dots = len(match[1]) - len(name)
        base = package[: len(package) - dots + 1] if dots else []
        path = base + [part for part in name.split(".") if part]
        yield from ([*path, word] for word in words(match[2]))


def layer_of(path: list[str], names: set[str]) -> str | None:
    """Return the layer's module that a path within netpoll leads to, "" for netpoll itself."""
    if path[0] != "netpoll":
        return None
    return path[1] if len(path) > 1 and path[1] in names else ""


def upward(text: str, module: list[str], package: list[str]) -> list[str]:
    """Return the imports of a module that lead to a higher layer, or aside to a sibling."""
    rows = layers()
    height = {name: -index for index, row in enumerate(rows) for name in row}
    home = layer_of(module, set(height))
    assert home is not None
    found = ((path, layer_of(path, set(height))) for path in imported(text, package))
    return [
        ".".join(path)
        for path, target in found
        if target is not None and target != home and height[target] >= height[home]
    ]


def place(source: Path) -> tuple[list[str], list[str]]:
    """Return the dotted paths of a source's module and of the package it lives in."""
    parts = list(source.relative_to(PACKAGE.parent).with_suffix("").parts)
    return (parts[:-1] if parts[-1] == "__init__" else parts), parts[:-1]


def name_of(source: Path) -> str:
    return str(source.relative_to(PACKAGE))


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_imports_go_down_the_layers(source: Path) -> None:
    module, package = place(source)
    assert upward(source.read_text(encoding="utf-8"), module, package) == []


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_every_module_belongs_to_a_layer(source: Path) -> None:
    module, _ = place(source)
    assert module == ["netpoll"] or layer_of(module, set().union(*layers()))


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_only_backend_asks_which_system_this_is(source: Path) -> None:
    asks = SYSTEM.search(code(source.read_text(encoding="utf-8")))
    assert asks is None or source.stem == "backend"


@pytest.mark.parametrize(
    "line",
    [
        "from netpoll.net cimport conn",
        "from netpoll.net.conn cimport Conn",
        "cimport netpoll.net.conn as conn",
        "import errno, netpoll.net",
        "from netpoll import (\n    errors,\n    net,  # why\n)",
        "from ..net.conn cimport Conn",
        "from .. import net",
        "from netpoll cimport net as n, errors",
        "from netpoll import go",
        "import netpoll",
        "def late():\n    from netpoll.cli import main",
        "from .._poll cimport fd",
    ],
)
def test_an_import_upwards_is_seen(line: str) -> None:
    assert upward(line, ["netpoll", "_runtime", "timers"], ["netpoll", "_runtime"])


@pytest.mark.parametrize(
    "line",
    [
        "from netpoll.errors import ClosedError",
        "from netpoll._runtime.goroutine cimport Goroutine",
        "from . cimport waitq",
        "from .waitq cimport WaitQueue",
        "from ..errors import ClosedError",
        "from libc.errno cimport errno",
        "from cpython.ref cimport Py_INCREF",
        "import socket",
        "from socket import net",
        "# from netpoll.net cimport conn",
        '"""Use it like this:\n\nfrom netpoll import net\n"""',
    ],
)
def test_an_import_downwards_is_fine(line: str) -> None:
    assert upward(line, ["netpoll", "_runtime", "timers"], ["netpoll", "_runtime"]) == []


def test_siblings_of_one_layer_do_not_import_each_other() -> None:
    line = "from netpoll.sync import Chan"
    assert upward(line, ["netpoll", "_poll", "fd"], ["netpoll", "_poll"]) == ["netpoll.sync.Chan"]


def test_a_package_may_import_from_itself() -> None:
    assert upward("from .tcp import listen", ["netpoll", "net"], ["netpoll", "net"]) == []


@pytest.mark.parametrize(
    "line", ["if sys.platform == 'linux':", "os.name", "from sys import argv, platform"]
)
def test_a_question_about_the_system_is_seen(line: str) -> None:
    assert SYSTEM.search(code(line))


@pytest.mark.parametrize("line", ["# os.name", "sys.platforms", "from os import uname"])
def test_other_lines_are_no_question_about_the_system(line: str) -> None:
    assert not SYSTEM.search(code(line))
