"""The vault's file: what goes in comes out, once, and nobody else reads it."""

from __future__ import annotations

import sqlite3
import stat

import pytest
from msgspec.structs import replace

from stillup.errors import StoreError, UsageError
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.neutral import (
    Call,
    Citation,
    Foreign,
    Kind,
    Media,
    Refused,
    Result,
    Role,
    Seal,
    Text,
    Thought,
)
from stillup.vault.store import open_vault
from stillup.vault.values import Attachment, Conversation, Turn
from stillup.vault.write import Put
from tests.vault.talks import NOW_S, talk, texts_of, turn

PICTURE = "iVBORw0KGgo" * 200 + "AA=="
PARTS = (
    Text(text="words", citations=(Citation(url="https://example.org", origin=Protocol.ANTHROPIC, raw=b"{}"),)),
    Media(kind=Kind.IMAGE, media_type="image/png", data=PICTURE[: len(PICTURE) // 4 * 4]),
    Media(kind=Kind.DOCUMENT, text="plain", name="a.txt"),
    Thought(text="hm", seal=Seal(origin=Protocol.ANTHROPIC, data="sealed")),
    Call(id="c1", name="look", arguments='{"a":1}'),
    Result(id="c1", parts=(Text(text="found"), Media(kind=Kind.IMAGE, url="https://example.org/a.png")), is_error=True),
    Refused(text="no"),
    Foreign(origin=Protocol.RESPONSES, what="web_search", raw=b'{"x":1}'),
)


def test_every_kind_of_part_comes_back_as_it_was(vault):
    whole = Turn(id="a", role=Role.ASSISTANT, parts=PARTS, at_s=NOW_S, model="m", parent="p")
    vault.put([Conversation(origin="test", id="1", turns=(whole,))], NOW_S)
    (about,) = vault.newest(5)
    assert vault.load(about).turns == (whole,)


def test_attachments_come_back_and_the_same_bytes_are_kept_once(vault):
    file = Attachment(name="a.pdf", media_type="application/pdf", data=b"%PDF" * 1000, text="its words")
    named = Attachment(name="gone.png")
    given = replace(
        talk("look"), turns=(turn("1", "look", attachments=(file, named)), turn("2", "again", attachments=(file,)))
    )
    vault.put([given], NOW_S)
    kept = vault.load(vault.newest(1)[0])
    assert kept.turns[0].attachments == (file, named)
    assert kept.turns[1].attachments == (file,)
    with vault.reading() as db:
        assert db.execute("SELECT count(*) FROM blob").fetchone() == (1,)


def test_a_conversation_that_is_read_again_is_there_once_and_grows(vault):
    first = talk("one", "two", title="A title")
    grown = talk("one", "two", "three", title="Another title")
    assert vault.put([first, first, grown, grown], NOW_S) == [Put.NEW, Put.KNOWN, Put.GREW, Put.KNOWN]
    (about,) = vault.newest(5)
    assert (about.title, about.turns) == ("Another title", 3)
    assert texts_of(vault.load(about)) == ["one", "two", "three"]


def test_what_an_import_tells_only_in_part_is_added_and_nothing_is_dropped(vault):
    vault.put([talk("one", "two", title="A title", service="claude", where="/here")], NOW_S)
    more = Conversation(origin="test", id="1", turns=(turn("m2", "three"),))
    assert vault.put([more, more], NOW_S) == [Put.GREW, Put.KNOWN]
    (about,) = vault.newest(5)
    assert (about.title, about.service, about.where) == ("A title", "claude", "/here")
    assert texts_of(vault.load(about)) == ["one", "two", "three"]


def test_a_message_that_is_another_now_takes_the_place_of_what_it_was(vault):
    vault.put([talk("one", "half")], NOW_S)
    assert vault.put([talk("one", "half and the rest")], NOW_S) == [Put.GREW]
    assert texts_of(vault.load(vault.newest(1)[0])) == ["one", "half and the rest"]


def test_the_order_of_an_origin_that_tells_all_of_it_is_taken_over(vault):
    one, two, three = (turn(name, name) for name in ("a", "b", "c"))
    vault.put([Conversation(origin="test", id="1", turns=(one, two, three))], NOW_S)
    vault.put([Conversation(origin="test", id="1", turns=(one, three, two))], NOW_S)
    assert texts_of(vault.load(vault.newest(1)[0])) == ["a", "c", "b"]


def test_the_file_and_its_folder_are_for_their_owner_alone(vault):
    vault.put([talk("one")], NOW_S)
    for path in vault.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE(vault.path.parent.stat().st_mode) == 0o700


def test_a_conversation_is_found_by_the_beginning_of_its_key_and_by_its_own_id(vault):
    vault.put([talk("one", id="a-long-id")], NOW_S)
    (about,) = vault.newest(1)
    assert vault.find(about.key[:4]) == vault.find("a-long-id") == about
    for nobody in ("zzzz", "", "a-long"):
        with pytest.raises(UsageError, match="no conversation is called so"):
            vault.find(nobody)


def test_half_a_surrogate_pair_and_a_nul_are_kept_as_far_as_they_are_text(vault):
    vault.put([replace(talk("bad \ud83d half\0nul", title="t\ud83d"), id="x\ud800")], NOW_S)
    assert texts_of(vault.load(vault.newest(1)[0])) == ["bad ? half\0nul"]


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        open_vault(path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    db.close()
    assert len(path.read_bytes()) == len(before)


def test_a_vault_of_a_newer_stillup_is_refused(vault):
    with vault.bare() as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer stillup"):
        open_vault(vault.path)


def test_what_is_no_database_is_said_to_need_a_passphrase_and_left_as_it_is(tmp_path):
    path = tmp_path / "noise.db"
    path.write_bytes(b"noise" * 1000)
    with pytest.raises(StoreError, match="no passphrase was given"):
        open_vault(path)
    assert path.read_bytes() == b"noise" * 1000


def test_what_fails_in_the_middle_leaves_nothing_behind(vault):
    def fail():
        with vault.batch(NOW_S) as batch:
            batch.put(talk("one"))
            batch.mark("test", "/a", "5")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert vault.newest(5) == []
    assert vault.mark_of("test", "/a") == ""


def test_a_title_that_comes_later_renames_and_alone_is_nothing(vault):
    assert vault.put([replace(talk(), title="Nobody's", id="2"), talk("one", title="Old")], NOW_S)[0] is Put.KNOWN
    vault.put([talk(title="New")], NOW_S)
    assert [(about.title, about.turns) for about in vault.newest(5)] == [("New", 1)]


def test_a_title_that_is_only_how_a_new_message_begins_does_not_replace_the_one_there_is(vault):
    vault.put([talk("one", "two", title="one")], NOW_S)
    more = Conversation(origin="test", id="1", turns=(turn("m2", "and now  something else"),), title="and now someth…")
    vault.put([more], NOW_S)
    assert [about.title for about in vault.newest(5)] == ["one"]
    vault.put([replace(more, turns=(), title="A real one")], NOW_S)
    assert [about.title for about in vault.newest(5)] == ["A real one"]
