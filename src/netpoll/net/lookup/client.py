"""Asking DNS: each server as often as resolv.conf says, under each name that is meant.

Source: go1.27 net/dnsclient_unix.go
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from netpoll._runtime.goroutine import go
from netpoll.errors import DNSError
from netpoll.net import ip
from netpoll.net.lookup import choice, config, domain, hosts, order, wire
from netpoll.net.lookup.config import Config
from netpoll.net.lookup.domain import Host
from netpoll.net.lookup.exchange import Dial, exchange
from netpoll.net.lookup.records import MX, NS, SRV
from netpoll.net.lookup.wire import BadAnswerError, BadQuestionError, Query, Record, Reply

FAMILIES = ("A", "AAAA")


@dataclass(frozen=True, slots=True)
class Client:
    """Asks as one look-up does: by the configuration of its beginning.

    servers: "ip:port" of each, those of the configuration if there are none.
    strict: whether a passing error of a part of a look-up is one of the whole.
    """

    dial: Dial
    servers: tuple[str, ...] | None = None
    strict: bool = False

    # ---- what is looked up

    def addresses(self, name: str, kinds: tuple[str, ...] = FAMILIES) -> tuple[Host, ...]:
        """Return the addresses of a host, the preferred one first; parks.

        Those of the hosts file are all, if there are any, whichever families are asked for.
        """
        known, _ = hosts.system.get().addresses(name)
        if known:
            return tuple(order.preferred(dict.fromkeys(map(ip.split_zone, known))))
        found, _ = self._addresses(name, kinds)
        hosts_found = ((ip.canonical(address) or address, "") for address in found)
        return tuple(order.preferred(dict.fromkeys(hosts_found)))

    def canonical_name(self, name: str) -> str:
        """Return the absolute name that a host's name stands for in the end; parks."""
        known, canonical = hosts.system.get().addresses(name)
        if not known:
            _, canonical = self._addresses(name, (*FAMILIES, "CNAME"))
        if not domain.is_domain_name(canonical):
            raise domain.invalid(name)
        return canonical

    def names(self, address: str) -> tuple[str, ...]:
        """Return the names of an IP address; parks."""
        known = hosts.system.get().names(address)
        if known:
            return tuple(known)
        with _of(address):
            found = self._ask(domain.reverse_name(address), "PTR").of("PTR")
        return _valid(address, [record.data[0] for record in found], domain.is_domain_name)

    def services(self, name: str, asked: str) -> tuple[str, tuple[SRV, ...]]:
        """Return whose SRV records a name has, and the records in order; parks.

        asked: the whole name, with service and protocol; name: what is left of it without them.
        """
        records = self._ask(asked, "SRV").of("SRV")
        owner = records[0].name
        if not domain.is_domain_name(owner):
            raise DNSError("SRV header name is invalid", name)
        found = choice.ordered_srv(SRV(*record.data) for record in records)
        return owner, _valid(name, found, lambda record: domain.is_domain_name(record.target))

    def mail_servers(self, name: str) -> tuple[MX, ...]:
        """Return the mail servers of a domain in order; parks."""
        found = choice.ordered_mx(MX(*record.data) for record in self._ask(name, "MX").of("MX"))
        return _valid(name, found, lambda record: _is_mail_host(record.host))

    def name_servers(self, name: str) -> tuple[NS, ...]:
        """Return the name servers of a domain; parks."""
        found = [NS(*record.data) for record in self._ask(name, "NS").of("NS")]
        return _valid(name, found, lambda record: domain.is_domain_name(record.host))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the text of each TXT record of a name; parks."""
        return tuple(record.data[0] for record in self._ask(name, "TXT").of("TXT"))

    # ---- asking under each name that may be meant

    def _ask(self, name: str, kind: str) -> Reply:
        """Return the first answer that has a record of that type."""
        conf = config.system.get()
        with _of(name):
            error = domain.no_such_host(name)
            for full in conf.candidates(domain.queried(name)):
                try:
                    return self._ask_servers(conf, full, kind)
                except DNSError as failed:
                    error = failed
                    if self.strict and failed.is_temporary:
                        break
            raise error

    def _addresses(self, name: str, kinds: tuple[str, ...]) -> tuple[list[str], str]:
        """Return the addresses of a host, and the name that has them."""
        conf = config.system.get()
        queried = domain.queried(name)
        with _of(name):
            error: DNSError | None = None
            for full in conf.candidates(queried):
                records: list[Record] = []
                for reply in self._ask_all(conf, full, kinds):
                    if isinstance(reply, Reply):
                        records += reply.records
                    elif self.strict and reply.is_temporary:
                        # Half an answer would make a host one of IPv4 alone, or of IPv6.
                        raise reply
                    elif error is None or full == f"{queried}.":
                        error = reply
                found = _found(records, kinds)
                if found is not None:
                    return found
            raise error or domain.no_such_host(name)

    def _ask_all(self, conf: Config, name: str, kinds: tuple[str, ...]) -> list[Reply | DNSError]:
        """Return an answer or an error to each question about a name, asked at the same time."""

        def ask(kind: str) -> Reply | DNSError:
            try:
                return self._ask_servers(conf, name, kind)
            except DNSError as error:
                return error

        if conf.single_request:
            return [ask(kind) for kind in kinds]
        return _together(ask, kinds)

    # ---- asking one server after the other

    def _ask_servers(self, conf: Config, name: str, kind: str) -> Reply:
        """Return the first answer of a server that can say something about an absolute name."""
        try:
            query = Query(name, kind, trust_ad=conf.trust_ad)
        except BadQuestionError as failed:
            raise DNSError(str(failed), name) from failed
        error = domain.no_such_host(name)
        servers = conf.in_turn(self.servers or conf.servers)
        for server in chain.from_iterable(repeat(servers, conf.attempts)):
            try:
                reply = exchange(
                    self.dial, server, query, timeout=conf.timeout, only_tcp=conf.use_tcp
                )
            except BadAnswerError as failed:
                error = _failure(failed, name, server)
            except OSError as failed:
                error = _failure(failed, name, server, is_temporary=True)
            else:
                wrong = _wrong_with(reply, name, server)
                if wrong is None and reply.of(kind):
                    return reply
                if wrong is None or wrong.is_not_found:
                    # Another server would know no more.
                    raise DNSError("no such host", name, server=server, is_not_found=True)
                error = wrong
        raise error


def _wrong_with(reply: Reply, name: str, server: str) -> DNSError | None:
    """Return what the head of an answer says to be wrong."""
    if reply.rcode == wire.NXDOMAIN:
        return DNSError("no such host", name, server=server, is_not_found=True)
    if reply.rcode == wire.NOERROR:
        # A server that does not ask others for us, and names those that it would ask.
        lame = not (reply.authoritative or reply.recursive or reply.records or reply.extra)
        return DNSError("lame referral", name, server=server) if lame else None
    again = reply.rcode == wire.SERVFAIL
    return DNSError("server misbehaving", name, server=server, is_temporary=again)


def _failure(
    error: BadAnswerError | OSError, name: str, server: str, *, is_temporary: bool = False
) -> DNSError:
    late = isinstance(error, TimeoutError)
    failed = DNSError(
        "i/o timeout" if late else str(error),
        name,
        server=server,
        is_timeout=late,
        is_temporary=is_temporary,
    )
    failed.__cause__ = error
    return failed


def _found(records: list[Record], kinds: tuple[str, ...]) -> tuple[list[str], str] | None:
    """Return the addresses among records and whose they are, None if there is nothing to tell."""
    having = [record for record in records if record.kind in FAMILIES]
    if having:
        return [record.data[0] for record in having], having[0].name
    if "CNAME" in kinds:
        for record in records:
            if record.kind == "CNAME":
                return [], record.data[0]
    return None


def _together(
    ask: Callable[[str], Reply | DNSError], kinds: tuple[str, ...]
) -> list[Reply | DNSError]:
    """Call ask with each, at the same time; who is cancelled meanwhile leaves nobody behind."""
    first, *others = kinds
    asking = [go(_outcome, ask, kind) for kind in others]
    try:
        return [ask(first), *(_result(goroutine.join()) for goroutine in asking)]
    finally:
        for goroutine in asking:
            goroutine.cancel()


def _outcome(ask: Callable[[str], Reply | DNSError], kind: str) -> Any:
    try:
        return ask(kind)
    except Exception as error:  # noqa: BLE001 - what a dial of one's own raises; see _result
        return error


def _result(outcome: Any) -> Reply | DNSError:
    if isinstance(outcome, Exception) and not isinstance(outcome, DNSError):
        raise outcome
    result: Reply | DNSError = outcome
    return result


# ---- names in errors and in answers


@contextmanager
def _of(name: str) -> Iterator[None]:
    """Let a DNSError show the name that was asked for, not one that was made of it."""
    try:
        yield
    except DNSError as error:
        error.name = name
        raise


def _valid(name: str, found: Iterable[Any], is_valid: Callable[[Any], bool]) -> tuple[Any, ...]:
    """Return what was found; DNSError if there is something among it that is no name."""
    records = tuple(found)
    valid = tuple(record for record in records if is_valid(record))
    if len(valid) < len(records):
        raise domain.invalid(name, valid)
    return records


def _is_mail_host(host: str) -> bool:
    return domain.is_domain_name(host) or ip.canonical(host.removesuffix(".")) is not None
