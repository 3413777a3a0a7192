"""The page in an ``.mhtml`` file, as browsers save one with all that belongs to it in a single file (RFC 2557).

Only the page itself is read, line by line; pictures, styles and frames behind it are passed over.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from typing import BinaryIO

from stillup.vault.importing.bounds import CHUNK_BYTES, MIB
from stillup.vault.importing.bundle import Unreadable

SUFFIXES = frozenset({".mhtml", ".mht"})
_HEADER_BYTES = 64 * 1024
_BEFORE_BYTES = 64 * MIB
"""The page comes first, or nearly."""
_ODD = re.compile(rb"[^A-Za-z0-9+/=]")


class Page:
    """A stream of the page's bytes. ``address`` is where it was saved from.

    :raises Unreadable: there is no page in the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ready = bytearray()
        self._is_over = False
        head = _headers(file)
        self.address = str(head.get("Snapshot-Content-Location", ""))
        boundary = head.get_boundary()
        self._end = b"--" + boundary.encode("latin-1", "replace") if boundary else b""
        if self._end:
            head = self._part()
        elif head.get_content_type() != "text/html":
            raise _none()
        self.address = self.address or str(head.get("Content-Location", ""))
        coding = str(head.get("Content-Transfer-Encoding", "")).strip().lower()
        self._decode = _decoder(coding)

    def read(self, most: int) -> bytes:
        """As many bytes as asked for, fewer at the end only."""
        while len(self._ready) < most and not self._is_over:
            line = self._file.readline(CHUNK_BYTES)
            if not line or (self._end and line.startswith(self._end)):
                self._is_over = True
            else:
                self._ready += self._decode(line)
        data = bytes(self._ready[:most])
        del self._ready[:most]
        return data

    def _part(self) -> Message:
        """The headers of the first part that is a page."""
        while line := self._file.readline(CHUNK_BYTES):
            if self._file.tell() > _BEFORE_BYTES:
                break
            if line.startswith(self._end):
                head = _headers(self._file)
                if head.get_content_type() == "text/html":
                    return head
        raise _none()


def _decoder(coding: str) -> Callable[[bytes], bytes]:
    if coding == "quoted-printable":
        return binascii.a2b_qp
    return _Base64() if coding == "base64" else bytes


class _Base64:
    """Decodes lines, whatever their lengths."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, line: bytes) -> bytes:
        data = self._rest + _ODD.sub(b"", line)
        whole = len(data) // 4 * 4
        self._rest = data[whole:]
        try:
            return binascii.a2b_base64(data[:whole])
        except binascii.Error:
            return b""


def _headers(file: BinaryIO) -> Message:
    """Up to the empty line; what is longer than any is cut."""
    raw = bytearray()
    while len(raw) < _HEADER_BYTES and (line := file.readline(_HEADER_BYTES)).strip():
        raw += line
    return BytesParser().parsebytes(bytes(raw), headersonly=True)


def _none() -> Unreadable:
    return Unreadable("There is no page in this .mhtml file.")
