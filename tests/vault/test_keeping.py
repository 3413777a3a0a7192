"""The vault knows when it is damaged, and what is deleted is gone from the file."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stillup.vault.keeping import delete, verify
from stillup.vault.search import Wanted, search
from stillup.vault.values import Attachment
from tests.vault.talks import NOW_S, talk, turn

FILE = Attachment(name="a.bin", data=b"SECRETBYTES" * 100)


@pytest.fixture
def filled(vault):
    given = replace(talk("look at this", id="2"), turns=(turn("1", "hidden walrus words", attachments=(FILE,)),))
    vault.put([talk("one", "two", title="kept"), replace(given, title="xylophone")], NOW_S)
    return vault


def test_a_whole_vault_is_whole(filled):
    checked = verify(filled)
    assert (checked.conversations, checked.messages, checked.attachments, checked.troubles) == (2, 3, 1, [])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE message SET parts = x'00ff' WHERE id = 'm0'", "message m0 cannot be read"),
        ("UPDATE message SET digest = x'00' WHERE id = 'm0'", "message m0 is not as it was kept"),
        ("UPDATE blob SET data = x'00'", "a file is not as it was kept"),
        ("DELETE FROM blob", "message 1 lacks a file"),
        ("UPDATE conversation SET turns = 7 WHERE id = '1'", "another number of messages"),
    ],
)
def test_damage_is_named(filled, damage, says):
    with filled.writing() as db:
        db.execute(damage)
    assert any(says in trouble for trouble in verify(filled).troubles)


def test_what_is_deleted_is_gone_from_the_file_and_from_the_index(filled):
    delete(filled, [filled.find("2").n])
    assert [about.id for about in filled.newest(5)] == ["1"]
    assert search(filled, Wanted(words="walrus OR xylophone")).found == ()
    assert search(filled, Wanted(words="kept")).found
    assert verify(filled).troubles == []
    for path in filled.path.parent.iterdir():
        raw = path.read_bytes()
        assert not any(word in raw for word in (b"walrus", b"xylophone", b"SECRETBYTES")), path.name


def test_a_file_that_another_conversation_needs_stays(filled):
    given = replace(talk("again", id="3"), turns=(turn("9", "the same", attachments=(FILE,)),))
    filled.put([given], NOW_S)
    delete(filled, [filled.find("2").n])
    assert filled.load(filled.find("3")).turns[0].attachments == (FILE,)
