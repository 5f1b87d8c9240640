import pytest

from netpoll.cli import main
from netpoll.cli.hint import hint
from netpoll.errors import AddrError, OpError
from netpoll.net import split_host_port


def hint_for(address: str) -> str:
    with pytest.raises(AddrError) as caught:
        split_host_port(address)
    return hint(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("8888", "; for port 8888 write :8888 or 127.0.0.1:8888"),
        ("localhost", "; write HOST:PORT, as in localhost:8888"),
        ("[::1]", "; write HOST:PORT, as in [::1]:8888"),
        ("", "; write HOST:PORT, as in 127.0.0.1:8888"),
        ("::1", "; an IPv6 address goes into brackets, as in [::1]:8888"),
        ("http://localhost:8888", "; it is HOST:PORT, and no URL"),
        ("[::1:8888", ""),
    ],
)
def test_what_to_write_instead(address: str, said: str) -> None:
    assert hint_for(address) == said


def test_what_is_no_matter_of_the_address_gets_no_hint() -> None:
    assert hint(OpError("listen", "tcp", errno=13)) == ""


@pytest.mark.parametrize(
    ("argv", "doing"),
    [(["echo", "--listen", "8888"], "listen tcp: "), (["demo", "--address", "8888"], "")],
)
def test_a_port_alone_is_answered_with_how_to_write_it(
    argv: list[str], doing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"netpoll: {doing}address 8888: missing port in address; "
        "for port 8888 write :8888 or 127.0.0.1:8888"
    )
