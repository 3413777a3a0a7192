"""XML that asks for more than it holds, and words that want to be more than one line of a log."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from stillup.catalog.load import find_service
from stillup.cli.operate.run import teller
from stillup.errors import Malformed, StillupError
from stillup.registry import load_source
from stillup.sources.base import Context, Setting
from stillup.sources.decode import parse_xml

NOW = datetime(2026, 4, 28, 18, 0, tzinfo=UTC)
SECRET = "words-of-a-file-of-ours-5519"
ITEM = (
    '<rss version="2.0"><channel><title>t</title><item><title>Claude is down {x}</title><guid>1</guid>'
    "<pubDate>Tue, 28 Apr 2026 17:50:00 GMT</pubDate><description>{x}</description></item></channel></rss>"
)
XI = "http://www.w3.org/2001/XInclude"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 50}">' for n in range(10))
SOURCES = ("azure", "google_trends", "reddit")
KINDS = (
    "laughs",
    "one large entity many times",
    "a file",
    "a parameter",
    "another document type",
    "an inclusion",
    "a stylesheet",
)


def papers(folder):
    secret = folder / "secret.txt"
    secret.write_text(SECRET)
    local = f"file://{secret}"
    return {
        "laughs": f"<?xml version='1.0'?><!DOCTYPE r [{LAUGHS}]>" + ITEM.format(x="&l9;"),
        "one large entity many times": f'<!DOCTYPE r [<!ENTITY a "{"a" * 100_000}">]>' + ITEM.format(x="&a;" * 5_000),
        "a file": f'<!DOCTYPE r [<!ENTITY a SYSTEM "{local}">]>' + ITEM.format(x="&a;"),
        "a parameter": f'<!DOCTYPE r [<!ENTITY % a SYSTEM "{local}"> %a;]>' + ITEM.format(x=""),
        "another document type": f'<!DOCTYPE r SYSTEM "{local}">' + ITEM.format(x=""),
        "an inclusion": ITEM.format(x=f'<xi:include xmlns:xi="{XI}" href="{local}" parse="text"/>'),
        "a stylesheet": f'<?xml-stylesheet href="{local}"?>' + ITEM.format(x=""),
    }


def read(source_id, data, tag=""):
    ctx = Context(now=NOW, service=find_service("claude"), setting=Setting())
    try:
        return repr(load_source(source_id).parse(data, ctx, tag))
    except StillupError as exc:
        return f"refused: {exc}"


def texts_of(data):
    """All that a paper says, to whoever reads XML here."""
    try:
        return " ".join(parse_xml(data, "rss").itertext())
    except Malformed as exc:
        return f"refused: {exc}"


def test_a_paper_without_tricks_is_read():
    assert "Claude is down now" in texts_of(ITEM.format(x="now").encode())


@pytest.mark.parametrize("kind", KINDS)
def test_no_paper_has_anything_read_or_made_larger_than_it_is(kind, tmp_path):
    paper = papers(tmp_path)[kind]
    for data in (paper.encode(), paper.encode("utf-16")):
        for found in (texts_of(data), *(read(source, data) for source in SOURCES)):
            assert SECRET not in found
            assert len(found) < 100_000


LINES = [
    "a\nstillup web: page: http://evil.example",
    "a\r\nb",
    "a\x1b[2Jb",
    "a\x9b2Jb",
    "a\u2028b",
    "a\x00b",
    "a\u202eb",
    "a\x85b",
]


@pytest.mark.parametrize("text", LINES, ids=ascii)
@pytest.mark.parametrize("style", ["plain", "json"])
def test_what_a_role_says_is_one_line_without_anything_that_moves_a_terminal(capsys, style, text):
    teller("web", style)(text)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    line = json.loads(said)["says"] if style == "json" else said.removesuffix("\n")
    assert line.isprintable()
