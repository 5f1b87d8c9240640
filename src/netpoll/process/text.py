"""Text: what `text=`, `encoding=` and `errors=` mean for the data of a process."""

from __future__ import annotations

import locale


class Text:
    """An encoding, and how its errors are handled."""

    def __init__(self, encoding: str | None, errors: str | None) -> None:
        """None: the encoding of the locale, and "strict"."""
        self.encoding = encoding or locale.getpreferredencoding(do_setlocale=False)
        self.errors = errors or "strict"

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text."""
        return text.encode(self.encoding, self.errors)

    def decode(self, data: bytes) -> str:
        r"""Return the text of bytes, each end of a line as \n."""
        return data.decode(self.encoding, self.errors).replace("\r\n", "\n").replace("\r", "\n")
