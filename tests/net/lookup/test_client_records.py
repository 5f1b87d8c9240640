"""What else than addresses DNS knows, and what of an answer is believed."""

import pytest

from netpoll.net.lookup.records import MX, NS, SRV
from tests.net.dns_server import (
    Question,
    address,
    answer,
    known,
    mx,
    srv,
    target,
    txt,
)
from tests.net.lookup.clients import (
    V4,
    V6,
    failure,
    scripted,
)
from tests.running import in_run

pytestmark = pytest.mark.usefixtures("configured")


@in_run
def test_what_else_dns_knows() -> None:
    client, _ = scripted(
        known(
            ("_x._tcp.a.", "SRV", srv("_x._tcp.a.", 2, 0, 20, "t.")),
            ("_x._tcp.a.", "SRV", srv("_x._tcp.a.", 1, 0, 10, ".")),
            ("a.", "MX", mx("a.", 2, "m2.")),
            ("a.", "MX", mx("a.", 1, "m1.")),
            ("a.", "NS", target("a.", "NS", "n.")),
            ("a.", "TXT", txt("a.", b"one ", b"two")),
            ("a.", "TXT", txt("a.", b"")),
            ("1.2.0.192.in-addr.arpa.", "PTR", target("1.2.0.192.in-addr.arpa.", "PTR", "p.")),
            (".", "NS", target(".", "NS", "root.")),
        )
    )
    assert client.services("a.", "_x._tcp.a.") == (
        "_x._tcp.a.",
        (SRV(".", 10, 1, 0), SRV("t.", 20, 2, 0)),
    )
    assert client.mail_servers("a.") == (MX("m1.", 1), MX("m2.", 2))
    assert client.name_servers("a.") == (NS("n."),)
    assert client.texts("a.") == ("one two", "")
    assert client.names("192.0.2.1") == ("p.",)
    # Source: go1.27 net/dnsclient_unix_test.go TestRootNS
    assert client.name_servers(".") == (NS("root."),)
    error = failure(client.names, "192.0.2.2")
    assert (error.name, error.is_not_found) == ("192.0.2.2", True)
    assert failure(client.mail_servers, "b.").name == "b."
    assert failure(client.services, "b.", "_x._tcp.b.").name == "_x._tcp.b."


@in_run
def test_a_domain_without_mail_says_so() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestNullMX; RFC 7505
    client, _ = scripted(known(("a.", "MX", mx("a.", 0, "."))))
    assert client.mail_servers("a.") == (MX(".", 0),)


@in_run
def test_addresses_are_taken_whoever_has_them() -> None:
    # As Go takes them. Who may answer at all may as well say it of the name that was asked for.
    client, _ = scripted(lambda q: answer(q, address("b.", V4)))
    assert client.addresses("a.", ("A",)) == ((V4, ""),)


@in_run
def test_records_of_another_type_are_passed_over() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestPTRandNonPTR
    client, _ = scripted(
        lambda question: answer(
            question, target(question.name, "PTR", "p."), txt(question.name, b"PTR 8 6 60 ...")
        )
    )
    assert client.names("192.0.2.1") == ("p.",)


BAD = "<html>.example."


@in_run
def test_a_name_in_an_answer_that_is_none_is_an_error_which_has_the_others() -> None:
    # Source: go1.27 net/dnsclient_unix_test.go TestCVE202133195
    def script(question: Question) -> bytes:
        name = question.name
        if question.kind == "SRV":
            owner = BAD if name.startswith("_hdr") else name
            return answer(question, srv(owner, 0, 0, 0, BAD), srv(owner, 0, 0, 0, "good.example."))
        if question.kind == "MX":
            found = (BAD, "good.example.", "127.0.0.1.", "1.2.3.4.5.", "2001:db8::68.")
            return answer(
                question, *(mx(name, index, host) for index, host in enumerate(found)),
                mx(name, 9, "2001:db8::68%zone."),
            )  # fmt: skip
        if question.kind in {"A", "AAAA"}:
            return answer(question, address(BAD, V4 if question.kind == "A" else V6))
        return answer(
            question,
            target(name, question.kind, BAD),
            target(name, question.kind, "good.example."),
        )

    client, _ = scripted(script)
    text = "DNS response contained records which contain invalid names"
    for fn, args, good in (
        (client.canonical_name, ("a.example",), ()),
        (client.names, ("192.0.2.42",), ("good.example.",)),
        (client.name_servers, ("a.example",), (NS("good.example."),)),
        (client.services, ("a.example", "_x._tcp.a.example"), (SRV("good.example.", 0, 0, 0),)),
        (
            client.mail_servers,
            ("a.example",),
            (MX("good.example.", 1), MX("127.0.0.1.", 2), MX("2001:db8::68.", 4)),
        ),
    ):
        error = failure(fn, *args)
        assert (str(error), error.records) == (f"lookup {args[0]}: {text}", good)
        assert not error.is_not_found
    error = failure(client.services, "a.example.", "_hdr._tcp.a.example.")
    assert str(error) == "lookup a.example.: SRV header name is invalid"
