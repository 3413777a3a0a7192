"""The folder and its index: only what has changed is read, and nothing leads out of the folder."""

import os
import stat

import pytest

from stillup.errors import UsageError
from stillup.kit.folder import STARTER, Skipped, path_of, read_file, write_new
from stillup.kit.index import look
from stillup.model.service import Capability


def names(index):
    return [row.name for row in index.rows]


def test_new_changed_and_removed_files_are_seen_at_the_next_look(put, index):
    put("a", title="One")
    put("deep/er/b")
    assert names(index()) == ["a", "deep/er/b"]
    put("a", title="Another")
    assert index().rows[0].title == "Another"
    path = put("c")
    assert names(index()) == ["a", "c", "deep/er/b"]
    path.unlink()
    assert names(index()) == ["a", "deep/er/b"]


def test_what_has_not_changed_is_not_read_again(put, index):
    path = put("a", title="One")
    before = index().rows
    about = path.stat()
    path.write_bytes(path.read_bytes().replace(b"One", b"Two"))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert index().rows == before
    assert index(cache=False).rows[0].title == "Two"


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, b"\x94\x01\x90\x90\x80"])
def test_a_damaged_index_is_made_anew_and_is_private(put, index, tmp_path, damage):
    put("a")
    index()
    cache = tmp_path / "cache" / "kit.index"
    cache.write_bytes(damage)
    assert names(index()) == ["a"]
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600


def test_one_of_your_own_stands_for_a_starter_of_its_name_until_it_is_gone(put, index):
    path = put("debug", title="Mine")
    found = {row.name: row for row in index(starter=True).rows}
    assert (found["debug"].title, found["debug"].is_own) == ("Mine", True)
    path.unlink()
    found = {row.name: row for row in index(starter=True).rows}
    assert not found["debug"].is_own


def test_links_out_of_the_folder_devices_and_what_is_no_text_are_left_out_and_named(kit, put, index, tmp_path):
    (tmp_path / "secret.md").write_text("secret")
    (kit / "out.md").symlink_to(tmp_path / "secret.md")
    (kit / "gone.md").symlink_to(kit / "nowhere.md")
    (kit / "loop").symlink_to(kit, target_is_directory=True)
    os.mkfifo(kit / "pipe.md")
    (kit / "big.md").write_bytes(b"x" * (2 << 20))
    (kit / "latin.md").write_bytes(b"caf\xe9")
    (kit / "nul.md").write_bytes(b"a\0b")
    (kit / "folder.md").mkdir()
    (kit / ".git").mkdir()
    (kit / ".git" / "x.md").write_text("hidden")
    put("good")
    (kit / "inside.md").symlink_to(kit / "good.md")
    found = index()
    assert names(found) == ["good", "inside"]
    left = {s.path.rpartition("/")[2]: s.why for s in found.skipped}
    assert left.keys() == {"out.md", "gone.md", "pipe.md", "big.md", "latin.md", "nul.md"}
    assert left["out.md"] == "is a link that leads out of the folder"


def test_without_a_folder_there_are_the_starters(tmp_path):
    found = look(STARTER, tmp_path / "none", None)
    assert found.rows
    assert found.skipped == []


def test_every_starter_is_sound_and_every_task_has_one(index):
    rows = index(starter=True).rows
    assert {row.name: row.trouble for row in rows if row.trouble} == {}
    assert {task for row in rows for task in row.tasks} == set(Capability)
    assert all(row.about and row.tasks and row.tags for row in rows)


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/../x", "/etc/x", ".hidden", "a/.git", "a//b", "a\0", "a\nb", "C:x", "~x", "a/", "x.", "x" * 200],
)
def test_nothing_outside_of_the_folder_can_be_named(kit, name):
    with pytest.raises(UsageError):
        path_of(kit, name)


def test_a_folder_that_is_a_link_does_not_lead_out(kit, tmp_path):
    (kit / "out").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(UsageError, match="leads out"):
        write_new(kit, "out/x", "text")
    assert not (tmp_path / "x.md").exists()


def test_a_new_file_is_for_its_owner_and_never_written_over_another(kit):
    path = write_new(kit, "a/b", "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="is there already"):
        write_new(kit, "a/b", "other")
    assert path.read_text() == "text"


def test_a_file_that_is_gone_says_so(kit):
    assert isinstance(read_file("x", str(kit / "x.md")), Skipped)
