"""A page saved as one file."""

from __future__ import annotations

import base64
import quopri

import pytest

from stillup.gateway.dialects.neutral import Text
from stillup.vault.importing import recognise
from stillup.vault.values import Skipped

PAGE = (
    '<html><head><title>Größe - Claude</title></head><body><div data-testid="user-message"><p>Größe = Länge?</p></div>'
    '<div class="font-claude-response"><p>Ja, 日本 🙂.</p><img src="cid:1@mhtml" alt="a.png"></div></body></html>'
)
ADDRESS = "https://claude.ai/chat/0a1b2c3d-0000-4000-8000-000000000001"
CODED = {
    "quoted-printable": lambda raw: quopri.encodestring(raw).replace(b"\n", b"\r\n"),
    "base64": base64.encodebytes,
    "binary": lambda raw: raw + b"\r\n",
}


def saved(coding, page=PAGE, before=b"", kind="text/html"):
    return (
        f'From: <Saved by Blink>\r\nSnapshot-Content-Location: {ADDRESS}\r\nMIME-Version: 1.0\r\n'
        'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="----Boundary--x----"\r\n\r\n\r\n'
    ).encode() + before + (
        f"------Boundary--x----\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {coding}\r\n\r\n"
    ).encode() + CODED[coding](page.encode()) + (
        b"------Boundary--x----\r\nContent-Type: text/css\r\n\r\n"
        b'data-testid="user-message"\r\n------Boundary--x------\r\n'
    )  # fmt: skip


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("name", ["page.mhtml", "page.MHT"])
def test_the_conversation_in_it_is_read_whatever_it_is_coded_in(tmp_path, told, coding, name):
    path = tmp_path / name
    path.write_bytes(saved(coding))

    (read,) = told(path)

    assert (read.what.id, read.what.title, read.what.service) == (ADDRESS[-36:], "Größe", "claude")
    assert [turn.parts for turn in read.what.turns] == [(Text(text="Größe = Länge?"),), (Text(text="Ja, 日本 🙂."),)]
    assert told(path, read.mark) == []


def test_a_page_behind_a_frame_of_another_kind_is_found(tmp_path, told):
    path = tmp_path / "page.mhtml"
    path.write_bytes(saved("base64", before=b"------Boundary--x----\r\nContent-Type: image/png\r\n\r\nxx\r\n"))
    (read,) = told(path)
    assert len(read.what.turns) == 2


@pytest.mark.parametrize("length", range(0, 1_000, 37))
def test_one_that_was_cut_off_gives_what_is_there_or_says_why_not(tmp_path, told, length):
    path = tmp_path / "page.mhtml"
    whole = saved("quoted-printable")
    path.write_bytes(whole[:length])
    importer = recognise(path)
    for read in importer.read(path) if importer else ():
        assert isinstance(read.what, Skipped) or read.what.turns


def test_a_file_of_endless_headers_or_without_a_page_is_none(tmp_path):
    path = tmp_path / "page.mhtml"
    for raw in (b"A: b\r\n" * 200_000, b"x" * 3_000_000, saved("base64", kind="text/plain"), b"\n" * 100_000, b""):
        path.write_bytes(raw)
        assert recognise(path) is None
