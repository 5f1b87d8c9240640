"""Names as they lie in DNS messages: labels, and pointers to where the rest of one stands already.

Source: RFC 1035 sections 3.1, 4.1.4 and 5.1; go1.27 vendor/golang.org/x/net/dns/dnsmessage
"""

_MAX_LABEL = 63
_MAX_LENGTH = 255  # bytes, with the lengths of the labels and the root
_POINTER = 0xC0  # both bits of a length: the rest of the name stands elsewhere
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_ESCAPED = frozenset(b'".();\\@$')
_GRAPHIC = range(0x21, 0x7F)


def packed(name: str) -> bytes:
    """Return an absolute name as it is asked for; ValueError if no message can have it."""
    labels = [] if name == "." else name.removesuffix(".").encode("ascii").split(b".")
    if not all(0 < len(label) <= _MAX_LABEL and _PLAIN.issuperset(label) for label in labels):
        raise ValueError(f"no domain name: {name!r}")
    data = b"".join([bytes((len(label),)) + label for label in labels]) + b"\0"
    if len(data) > _MAX_LENGTH:
        raise ValueError(f"too long for a domain name: {name!r}")
    return data


def unpacked(data: bytes, at: int) -> tuple[str, int]:
    """Return the name that begins there, and where what comes after it begins.

    Raises ValueError or IndexError: there is none. A pointer leads only to what stands before all
    that has been read of the name, so it comes to an end.
    """
    labels: list[str] = []
    length, lowest, end = 1, at, 0
    while size := data[at]:
        if size >= _POINTER:
            end = end or at + 2
            at = (size & ~_POINTER) << 8 | data[at + 1]
            if at >= lowest:
                raise ValueError("a pointer that does not lead back")
            lowest = at
            continue
        label = data[at + 1 : at + 1 + size]
        length += 1 + size
        if size > _MAX_LABEL or len(label) < size or length > _MAX_LENGTH:
            raise ValueError("no domain name")
        labels.append(label.decode() if _PLAIN.issuperset(label) else _escaped(label))
        at += 1 + size
    return ".".join(labels) + ".", end or at + 1


def _escaped(label: bytes) -> str:
    """Return a label as text in which each byte is to be seen."""
    return "".join(map(_character, label))


def _character(byte: int) -> str:
    if byte in _ESCAPED:
        return f"\\{byte:c}"
    return chr(byte) if byte in _GRAPHIC else f"\\{byte:03}"
