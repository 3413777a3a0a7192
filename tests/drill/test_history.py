"""The drills that were run: private, newest first, bounded, and what cannot be read is named and passed over."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from stillup.drill import history
from stillup.drill.history import find, id_of, keep, read
from stillup.drill.values import Drill, Where
from stillup.errors import StoreError

AT = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


def drill(minutes=0, salt=b"\x01\x02"):
    at = AT + timedelta(minutes=minutes)
    return Drill(id=id_of(at, salt), at=at, where=Where.MIRROR, scenes=(), took_s=1.5)


def test_what_is_kept_comes_back_the_same_newest_first(tmp_path):
    older, newer = drill(), drill(5)
    keep(tmp_path / "drills", newer)
    keep(tmp_path / "drills", older)
    assert read(tmp_path / "drills").drills == (newer, older)
    assert find(tmp_path / "drills", older.id[:13]) == older
    assert find(tmp_path / "drills", "2025") is None


def test_it_is_nobody_elses_to_read(tmp_path):
    path = keep(tmp_path / "drills", drill())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_no_folder_is_no_drills(tmp_path):
    assert read(tmp_path / "none").drills == ()


def test_the_oldest_go_when_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "MOST", 3)
    for minute in range(5):
        keep(tmp_path, drill(minute))
    assert [d.at for d in read(tmp_path).drills] == [AT + timedelta(minutes=m) for m in (4, 3, 2)]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"id": "20261127T060000-0102"}', b"null"],
)
def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_there(tmp_path, body):
    keep(tmp_path, drill(5))
    (tmp_path / "20261127T060000-0102.json").write_bytes(body)
    kept = read(tmp_path)
    assert kept.drills == (drill(5),)
    assert len(kept.unread) == 1
    assert "20261127T060000-0102.json" in kept.unread[0]


def test_a_link_a_folder_and_another_drills_file_are_not_read(tmp_path):
    path = keep(tmp_path, drill())
    (tmp_path / "20261127T060100-0001.json").symlink_to(path)
    (tmp_path / "20261127T060200-0001.json").mkdir()
    (tmp_path / "20261127T060300-0001.json").write_bytes(path.read_bytes())
    (tmp_path / "notes.json").write_text("mine")
    kept = read(tmp_path)
    assert kept.drills == (drill(),)
    assert len(kept.unread) == 3


def test_a_file_of_no_end_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "MOST_BYTES", 100)
    keep(tmp_path, drill())
    assert "larger" in read(tmp_path).unread[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be kept"):
        keep(tmp_path / "drills", drill())


def test_a_file_in_the_folders_place_says_so(tmp_path):
    (tmp_path / "drills").write_text("")
    with pytest.raises(StoreError, match="drills"):
        keep(tmp_path / "drills", drill())
    with pytest.raises(StoreError, match="cannot be read"):
        read(tmp_path / "drills")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-27T06:00:00"])
def test_a_time_that_no_drill_can_have_is_named_and_the_rest_is_there(tmp_path, at):
    keep(tmp_path, drill(5))
    path = keep(tmp_path, drill())
    path.write_text(path.read_text().replace("2026-11-27T06:00:00Z", at))
    kept = read(tmp_path)
    assert kept.drills == (drill(5),)
    assert "time" in kept.unread[0]


def test_one_is_found_though_another_of_that_beginning_cannot_be_read(tmp_path):
    keep(tmp_path, drill())
    (tmp_path / "20261127T060000-ffff.json").write_bytes(b"{")
    assert find(tmp_path, "20261127T06") == drill()
    assert find(tmp_path, "20261127T060000-ffff") is None
