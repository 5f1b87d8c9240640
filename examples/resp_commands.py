"""The commands of resp_server.py: from the words of a command to the bytes of its answer.

Nothing here waits, so that a command is done before the next one of whatever client begins. The
answers are worded as by Redis 7, in version 2 of its protocol, or 3 for a client that asks for it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from inspect import signature
from itertools import count, islice
from math import inf
from typing import NamedTuple

from resp_store import MAX_INTEGER, MIN_INTEGER, CommandError, Store, integer

VERSIONS = (2, 3)  # of the protocol; in 3 there are maps, sets and one null for all
MAX_STRING = 512 << 20  # bytes
UNITS = {b"EX": 1000, b"PX": 1}  # milliseconds
SET_OPTIONS = {*UNITS, b"NX", b"XX", b"KEEPTTL"}
PRINTABLE = bytes(range(ord("!"), ord("~") + 1))
SETTINGS = {b"appendonly": b"no", b"databases": b"1", b"maxmemory": b"0", b"save": b""}

OK = b"+OK\r\n"
NULLS = {2: b"$-1\r\n", 3: b"_\r\n"}
NULL_ARRAYS = {2: b"*-1\r\n", 3: b"_\r\n"}

SYNTAX = b"ERR syntax error"
ARITY = b"ERR wrong number of arguments for '%b' command"
UNKNOWN = b"ERR unknown command '%b', with args beginning with: %b"
SUBCOMMAND = b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP."
NOT_A_COUNT = b"ERR value is out of range, must be positive"
BAD_EXPIRE = b"ERR invalid expire time in '%b' command"
BAD_NAME = b"ERR Client names cannot contain spaces, newlines or special characters."
BAD_VERSION = b"ERR Protocol version is not an integer or out of range"

Extend = Callable[[deque[bytes], Iterable[bytes]], None]
Take = Callable[[deque[bytes]], bytes]


def bulk(value: bytes) -> bytes:
    """Encode a string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def number(value: int) -> bytes:
    """Encode an integer, or a bool as 1 or 0."""
    return b":%d\r\n" % value


def array(answers: Sequence[bytes]) -> bytes:
    """Encode a list of answers."""
    return b"*%d\r\n%b" % (len(answers), b"".join(answers))


def bulks(values: Iterable[bytes]) -> bytes:
    """Encode a list of strings."""
    return array([bulk(value) for value in values])


def mapping(version: int, answers: dict[bytes, bytes]) -> bytes:
    """Encode answers by name: to version 2 of the protocol that is a list."""
    parts = [part for name, answer in answers.items() for part in (bulk(name), answer)]
    return (
        array(parts) if version == VERSIONS[0] else b"%%%d\r\n%b" % (len(answers), b"".join(parts))
    )


def failure(text: bytes) -> bytes:
    """Encode an error, which is one line whatever it quotes."""
    return b"-%b\r\n" % text.replace(b"\r", b" ").replace(b"\n", b" ")


class Session:
    """One client: what it has said about itself, and the commands it can give.

    A command is a method do_NAME; its parameters are the command's arguments.
    """

    ids = count(1)

    def __init__(self, store: Store) -> None:
        """Begin without a name."""
        self.store = store
        self.id = next(self.ids)
        self.name = b""
        self.version = 2
        self.null = NULLS[2]
        self.over = False  # once the client has taken its leave

    def execute(self, words: Sequence[bytes]) -> bytes:
        """Return the answer to a command, given as its name and its arguments."""
        try:
            return find_command(words)(self, *words[1:])
        except CommandError as error:
            return failure(error.args[0])

    # Strings

    def do_set(self, key: bytes, value: bytes, *options: bytes) -> bytes:
        """SET key value [NX | XX] [EX seconds | PX milliseconds | KEEPTTL]."""
        deadline = None
        if options:
            given = set_options(options)
            exists = self.store.find(key) is not None
            deadline = self.set_deadline(key, given)
            if (b"NX" in given and exists) or (b"XX" in given and not exists):
                return self.null
        self.store.set(key, value, deadline)
        return OK

    def do_get(self, key: bytes) -> bytes:
        """GET key."""
        value = self.store.string(key)
        return self.null if value is None else bulk(value)

    def do_append(self, key: bytes, more: bytes) -> bytes:
        """APPEND key value: the answer is the new length."""
        value = self.store.string(key) or b""
        if len(value) + len(more) > MAX_STRING:
            raise CommandError(b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")
        self.store.values[key] = value + more
        return number(len(value) + len(more))

    def do_incr(self, key: bytes) -> bytes:
        """INCR key."""
        return number(self.store.add(key, 1))

    def do_decr(self, key: bytes) -> bytes:
        """DECR key."""
        return number(self.store.add(key, -1))

    def do_incrby(self, key: bytes, amount: bytes) -> bytes:
        """INCRBY key amount."""
        return number(self.store.add(key, integer(amount)))

    def do_decrby(self, key: bytes, amount: bytes) -> bytes:
        """DECRBY key amount."""
        value = integer(amount)
        if value == MIN_INTEGER:  # it has no counterpart
            raise CommandError(b"ERR decrement would overflow")
        return number(self.store.add(key, -value))

    # Lists

    def do_lpush(self, key: bytes, value: bytes, *more: bytes) -> bytes:
        """LPUSH key value...: the answer is the new length."""
        return self.push(key, deque.extendleft, (value, *more))

    def do_rpush(self, key: bytes, value: bytes, *more: bytes) -> bytes:
        """RPUSH key value...: the answer is the new length."""
        return self.push(key, deque.extend, (value, *more))

    def do_lpop(self, key: bytes, most: bytes | None = None) -> bytes:
        """LPOP key [count]."""
        return self.pop(key, deque.popleft, most)

    def do_rpop(self, key: bytes, most: bytes | None = None) -> bytes:
        """RPOP key [count]."""
        return self.pop(key, deque.pop, most)

    def do_llen(self, key: bytes) -> bytes:
        """LLEN key."""
        return number(len(self.store.list(key)))

    def do_lrange(self, key: bytes, first: bytes, last: bytes) -> bytes:
        """LRANGE key first last: with both of them; below 0 they count from the end."""
        part = slice(integer(first), integer(last) + 1 or None)
        values = self.store.list(key)
        start, stop, _ = part.indices(len(values))
        return bulks(islice(values, start, max(start, stop)))

    # Keys

    def do_del(self, key: bytes, *more: bytes) -> bytes:
        """DEL key...: the answer is how many there were."""
        found = [each for each in (key, *more) if self.store.find(each) is not None]
        return number(sum(map(self.store.delete, found)))

    def do_exists(self, key: bytes, *more: bytes) -> bytes:
        """EXISTS key...: the answer is how many of them there are."""
        return number(sum(self.store.find(each) is not None for each in (key, *more)))

    def do_type(self, key: bytes) -> bytes:
        """TYPE key."""
        value = self.store.find(key)
        name = b"none" if value is None else b"string" if isinstance(value, bytes) else b"list"
        return b"+%b\r\n" % name

    def do_expire(self, key: bytes, seconds: bytes) -> bytes:
        """EXPIRE key seconds: the answer is whether there is such a key."""
        return number(self.store.expire(key, self.after(integer(seconds) * 1000, b"expire")))

    def do_pexpire(self, key: bytes, milliseconds: bytes) -> bytes:
        """PEXPIRE key milliseconds."""
        return number(self.store.expire(key, self.after(integer(milliseconds), b"pexpire")))

    def do_ttl(self, key: bytes) -> bytes:
        """TTL key: in seconds, rounded."""
        left = self.store.time_left(key)
        return number(left if left < 0 else (left + 500) // 1000)

    def do_pttl(self, key: bytes) -> bytes:
        """PTTL key: in milliseconds."""
        return number(self.store.time_left(key))

    def do_persist(self, key: bytes) -> bytes:
        """PERSIST key: the answer is whether it was going to expire."""
        return number(self.store.persist(key))

    def do_dbsize(self) -> bytes:
        """DBSIZE: with what has expired and is not swept yet."""
        return number(len(self.store.values))

    def do_flushall(self, how: bytes = b"SYNC") -> bytes:
        """FLUSHALL [ASYNC | SYNC]."""
        if how.upper() not in (b"ASYNC", b"SYNC"):
            raise CommandError(SYNTAX)
        self.store.clear()
        return OK

    # Connections

    def do_ping(self, text: bytes | None = None) -> bytes:
        """PING [text]."""
        return b"+PONG\r\n" if text is None else bulk(text)

    def do_echo(self, text: bytes) -> bytes:
        """ECHO text."""
        return bulk(text)

    def do_quit(self, *_: bytes) -> bytes:
        """QUIT: the connection is closed after the answer."""
        self.over = True
        return OK

    def do_hello(self, version: bytes = b"", *options: bytes) -> bytes:
        """HELLO [2 | 3 [SETNAME name]]: clients are told which Redis this is like."""
        wanted = integer(version, BAD_VERSION) if version else self.version
        if wanted not in VERSIONS:
            raise CommandError(b"NOPROTO unsupported protocol version")
        match [word.upper() for word in options]:
            case []:
                pass
            case [b"SETNAME", _]:
                self.rename(options[1])
            case _:
                raise CommandError(b"ERR Syntax error in HELLO option '%b'" % options[0])
        self.version, self.null = wanted, NULLS[wanted]
        facts = {
            b"server": bulk(b"redis"),
            b"version": bulk(b"7.0.0"),
            b"proto": number(self.version),
            b"id": number(self.id),
            b"mode": bulk(b"standalone"),
            b"role": bulk(b"master"),
            b"modules": array([]),
        }
        return mapping(self.version, facts)

    def do_client(self, subcommand: bytes, *words: bytes) -> bytes:
        """CLIENT ID | GETNAME | SETNAME name | SETINFO attribute value."""
        match subcommand.upper(), *words:
            case [b"ID"]:
                return number(self.id)
            case [b"GETNAME"]:
                return bulk(self.name) if self.name else self.null
            case [b"SETNAME", name]:
                return self.rename(name)
            case [b"SETINFO", _, _]:
                return OK
        raise CommandError(SUBCOMMAND % (subcommand, b"CLIENT"))

    def do_config(self, subcommand: bytes, *patterns: bytes) -> bytes:
        """CONFIG GET pattern...: redis-benchmark asks; nothing can be set."""
        if subcommand.upper() != b"GET" or not patterns:
            raise CommandError(SUBCOMMAND % (subcommand, b"CONFIG"))
        wanted = [pattern.lower() for pattern in patterns]
        found = [name for name in SETTINGS if any(fnmatchcase(name, each) for each in wanted)]
        return mapping(self.version, {name: bulk(SETTINGS[name]) for name in found})

    def do_command(self, subcommand: bytes = b"", *_: bytes) -> bytes:
        """COMMAND [COUNT | LIST | DOCS]: there is no documentation."""
        match subcommand.upper():
            case b"COUNT":
                return number(len(COMMANDS))
            case b"LIST":
                return bulks(name.lower() for name in COMMANDS)
            case b"DOCS":
                return mapping(self.version, {})
            case b"":
                return array([command.describe(name) for name, command in COMMANDS.items()])
        raise CommandError(SUBCOMMAND % (subcommand, b"COMMAND"))

    # What several commands have in common

    def set_deadline(self, key: bytes, given: dict[bytes, bytes]) -> int | None:
        """Return the deadline that the options of SET ask for."""
        for option in UNITS.keys() & given.keys():
            amount = integer(given[option])
            if amount <= 0:
                raise CommandError(BAD_EXPIRE % b"set")
            return self.after(amount * UNITS[option], b"set")
        return self.store.deadlines.get(key) if b"KEEPTTL" in given else None

    def after(self, milliseconds: int, name: bytes) -> int:
        """Return the deadline that is so far away, for the command of that name."""
        deadline = self.store.now() + milliseconds
        if milliseconds < MIN_INTEGER or deadline > MAX_INTEGER:
            raise CommandError(BAD_EXPIRE % name)
        return deadline

    def push(self, key: bytes, extend: Extend, values: Sequence[bytes]) -> bytes:
        """Add values to a list at one end."""
        items = self.store.list(key)
        extend(items, values)
        self.store.values[key] = items
        return number(len(items))

    def pop(self, key: bytes, take: Take, most: bytes | None) -> bytes:
        """Take one value from an end of a list, or a list of them; an empty list does not stay."""
        limit = 1 if most is None else integer(most, NOT_A_COUNT)
        if limit < 0:
            raise CommandError(NOT_A_COUNT)
        items = self.store.list(key)
        if not items:
            return self.null if most is None else NULL_ARRAYS[self.version]
        taken = [take(items) for _ in range(min(limit, len(items)))]
        if not items:
            self.store.delete(key)
        return bulk(taken[0]) if most is None else bulks(taken)

    def rename(self, name: bytes) -> bytes:
        """Take the name by which the client wants to be known."""
        if name.translate(None, PRINTABLE):
            raise CommandError(BAD_NAME)
        self.name = name
        return OK


def set_options(words: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the options of SET by name, EX and PX with their number."""
    given = {}
    rest = iter(words)
    for word in rest:
        option = word.upper()
        amount = next(rest, None) if option in UNITS else b""
        if option not in SET_OPTIONS or amount is None:
            raise CommandError(SYNTAX)
        given[option] = amount
    if {b"NX", b"XX"} <= given.keys() or len({*UNITS, b"KEEPTTL"} & given.keys()) > 1:
        raise CommandError(SYNTAX)
    return given


class Command(NamedTuple):
    """A row of the table of commands."""

    function: Callable[..., bytes]
    least: int  # words, the name included
    most: float

    @classmethod
    def of(cls, function: Callable[..., bytes]) -> "Command":
        """Count the parameters; self stands for the name."""
        parameters = signature(function).parameters.values()
        some = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
        return cls(function, len(needed), inf if some else len(parameters))

    def describe(self, name: bytes) -> bytes:
        """Encode the row as Redis does, without what is not known here."""
        arity = self.least if self.least == self.most else -self.least
        positions = [number(0)] * 3  # of the keys
        rest = [array([])] * 4  # categories, hints, the keys in other words, subcommands
        return array([bulk(name.lower()), number(arity), array([]), *positions, *rest])


COMMANDS = {
    name.removeprefix("do_").upper().encode(): Command.of(function)
    for name, function in vars(Session).items()
    if name.startswith("do_")
}


def find_command(words: Sequence[bytes]) -> Callable[..., bytes]:
    """Return what does the command, which may be spelled in small letters."""
    command = COMMANDS.get(words[0]) or COMMANDS.get(words[0].upper())
    if command is None:
        quoted = b"".join(b"'%b' " % word[:128] for word in words[1:64])
        raise CommandError(UNKNOWN % (words[0][:128], quoted[:128]))
    if not command.least <= len(words) <= command.most:
        raise CommandError(ARITY % words[0].lower())
    return command.function
