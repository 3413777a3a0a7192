"""Exports as tar archives, packed or not, are read like zips; hostile ones are named, in little memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillup.vault.importing import importers, recognise, sources
from stillup.vault.importing.gunzip import Gunzip
from stillup.vault.values import Conversation

MIB = 1024 * 1024
LIMIT_MIB = 200
KINDS = {"export.tar": "w", "export.tar.gz": "w:gz", "export.tgz": "w:gz"}
CUT = "The archive is cut off or damaged: only what is whole was read."


@pytest.fixture
def archived(tmp_path):
    """An archive of these members, a special one given as its header; what is no bytes is written as JSON."""

    def make(members, name="export.tgz", kind=tarfile.PAX_FORMAT):
        path = tmp_path / name
        with tarfile.open(path, KINDS.get(name, "w:gz"), format=kind) as file:
            for member, body in members.items():
                if isinstance(body, tarfile.TarInfo):
                    file.addfile(body)
                    continue
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                info = tarfile.TarInfo(member)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
        return path

    return make


def entry(name, kind, target="conversations.json"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", KINDS)
def test_an_archive_reads_like_a_zip(archived, zipped, told, talk, name, kind):
    members = {"./users.json": [], "./conversations.json": [talk(1), talk(2)]}
    path = archived(members, name, kind)

    assert list(sources(path)) == [path]
    assert [read.what for read in told(path)] == [read.what for read in told(zipped(members))]


def test_googles_and_openais_archives_are_known_too_with_their_pictures(archived, zipped, told):
    asked = {"header": "Gemini Apps", "title": "Prompted What is a tar?", "time": "2026-01-02T03:04:05Z"}
    asked |= {"products": ["Gemini Apps"], "safeHtmlItem": [{"html": "<p>An archive.</p>"}]}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-abc"}
    message = {
        "id": "m",
        "author": {"role": "user"},
        "content": {"content_type": "multimodal_text", "parts": [picture]},
    }
    mapping = {"m": {"id": "m", "message": message, "parent": None, "children": []}}
    talk = {"conversation_id": "c", "title": "A picture", "current_node": "m", "mapping": mapping}
    for members in (
        {"Takeout/My Activity/Gemini Apps/MyActivity.json": [asked]},
        {"conversations.json": [talk], "file-abc-dot.png": b"\x89PNG\r\n\x1a\nxyz"},
    ):
        (read,), (same,) = told(archived(members)), told(zipped(members))

        assert read.what == same.what
        assert read.what.turns


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read(archived, told, talk, kind):
    folder = "/".join(["a-rather-long-name-of-a-folder"] * 4)
    path = archived({f"{folder}/conversations.json": [talk(1)], f"{folder}/größe.json": []}, kind=kind)

    assert [read.what.title for read in told(path)] == ["Talk 1"]


def test_an_import_goes_on_behind_a_mark_and_ends_at_the_whole_file(archived, told, talk):
    path = archived({"conversations.json": [talk(n, model=os.urandom(9_000).hex()) for n in range(50)]})
    reads = told(path)

    again = told(path, reads[19].mark)

    assert [read.what for read in again] == [read.what for read in reads[20:]]
    assert sorted(read.done_bytes for read in reads) == [read.done_bytes for read in reads]
    assert path.stat().st_size * 0.9 <= reads[-1].done_bytes <= path.stat().st_size


def test_of_two_files_of_one_name_the_later_stands(tmp_path, told, talk):
    path = tmp_path / "export.tar"
    for number in (1, 2):
        with tarfile.open(path, "a") as file:
            data = json.dumps([talk(number)]).encode()
            info = tarfile.TarInfo("conversations.json")
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))

    assert [read.what.title for read in told(path)] == ["Talk 2"]


def test_links_devices_and_names_that_lead_elsewhere_are_left_out(archived, told, split, talk, tmp_path):
    evil = ["../conversations.json", "/etc/conversations.json", "a/../../conversations.json", "..\\conversations.json"]
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps([talk(9)]))
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
    special = {
        f"{n}/conversations.json": entry(f"{n}/conversations.json", kind, str(outside)) for n, kind in enumerate(kinds)
    }
    path = archived({name: [talk(8)] for name in evil} | special | {"users.json": [], "conversations.json": [talk(1)]})
    before = sorted(tmp_path.rglob("*"))

    conversations, (skip,) = split(told(path))

    assert [one.title for one in conversations] == ["Talk 1"]
    assert skip.why == "8 of its entries are links, or lead out of it: they were left out."
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("lost", [200, 2_000, 20_000])
def test_of_an_archive_that_is_cut_off_what_is_whole_is_read(archived, told, split, talk, lost, name):
    talks = [talk(n, model=os.urandom(300).hex()) for n in range(100)]
    path = archived({"users.json": [], "conversations.json": talks}, name)
    whole = path.read_bytes().rstrip(b"\0")
    path.write_bytes(whole[:-lost])

    conversations, skipped = split(told(path))

    assert skipped[0].why == CUT
    assert [one.id for one in conversations] == [f"talk-{n}" for n in range(len(conversations))]
    assert len(conversations) >= 100 * (len(whole) - lost) / len(whole) - 15


def test_of_a_damaged_archive_what_stands_before_is_read(archived, told, split, talk):
    path = archived(
        {"users.json": [], "conversations.json": [talk(n, model=os.urandom(300).hex()) for n in range(100)]}
    )
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 20] = b"\xff" * 20
    path.write_bytes(raw)

    conversations, skipped = split(told(path))

    assert len(conversations) > 20
    assert skipped[0].why == CUT


@pytest.mark.parametrize("honest", [0, 80])
def test_a_bomb_is_named_whatever_stands_before_it_and_not_unpacked(tmp_path, measured, told, talk, honest):
    path = tmp_path / "bomb.tgz"
    with tarfile.open(path, "w:gz") as file:
        for name, size, one in (("users.json", honest * MIB, None), ("conversations.json", 400 * MIB, b"a")):
            info = tarfile.TarInfo(name)
            info.size = size
            begin = b'[{"uuid": "x", "chat_messages": [], "name": "'
            file.addfile(info, _Endless(begin if one else b"", one))

    conversations, skipped, mib = measured(path)

    assert (conversations, skipped > 0) == (0, True)
    assert mib < LIMIT_MIB
    assert told(path)[0].what.why.endswith("that is a bomb.")


class _Endless(io.RawIOBase):
    """The bytes, then one for ever, or random ones."""

    def __init__(self, begin, one):
        self._begin, self._one = begin, one

    def read(self, most=-1):
        data, self._begin = self._begin[:most], self._begin[most:]
        rest = most - len(data)
        return data + (self._one * rest if self._one else os.urandom(rest))


def test_a_header_that_fills_the_memory_is_refused(tmp_path, measured):
    path = tmp_path / "wide.tar"
    info = tarfile.TarInfo("conversations.json")
    info.type, info.size = tarfile.XHDTYPE, 300 * MIB
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(300 * MIB)

    assert recognise(path) is None


def test_names_that_fill_the_memory_are_not_kept(tmp_path, measured, talk):
    path = tmp_path / "export.tgz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=1) as file:
        first = tarfile.TarInfo("conversations.json")
        data = json.dumps([talk(1)]).encode()
        first.size = len(data)
        file.addfile(first, io.BytesIO(data))
        noise = os.urandom(300).hex()  # else it would be a bomb
        for n in range(1_500):
            file.addfile(tarfile.TarInfo(f"{n}{noise}{n:_>60000}"))

    talks, skips, most = measured(path)
    assert (talks, skips) == (1, 1)
    assert most < LIMIT_MIB


def test_headers_upon_headers_and_sizes_without_end_break_nothing(archived, told, talk, tmp_path):
    path = archived({"conversations.json": [talk(1)]}, "export.tar")
    raw = path.read_bytes()
    more = tarfile.TarInfo("x")
    more.type, more.size = tarfile.XHDTYPE, 0
    path.write_bytes(more.tobuf(tarfile.USTAR_FORMAT) * 20_000 + raw)
    assert [read.what.title for read in told(path)] == ["Talk 1"]

    huge = tarfile.TarInfo("huge.json")
    huge.size = 1 << 61
    path.write_bytes(raw[: raw.rindex(b"]") + 1].ljust(3 * 512, b"\0") + huge.tobuf(tarfile.GNU_FORMAT))
    first, second = told(path)
    assert (first.what.why, second.what.title) == (CUT, "Talk 1")


def test_a_gzip_file_that_is_no_archive_is_not_known(tmp_path, talk):
    path = tmp_path / "conversations.json.gz"
    path.write_bytes(gzip.compress(json.dumps([talk(1)]).encode()))

    assert recognise(path) is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_packed_file_is_read_from_any_place(tmp_path, data):
    """Also one of several parts, packed one by one."""
    parts = [Random(1).randbytes(3 * MIB) * 3, b"x" * 5 * MIB, b""]
    whole, path = b"".join(parts), tmp_path / "x.gz"
    if not path.exists():
        path.write_bytes(b"".join(gzip.compress(part, 1) for part in parts) + b"\0" * 100)
    with path.open("rb") as file:
        stream = Gunzip(file)
        for _ in range(5):
            at = data.draw(st.integers(0, len(whole) + 10))
            stream.seek(at)
            read = b"".join(stream.read(70_000) for _ in range(2))
            assert read == whole[at : at + len(read)]
            assert read or at >= len(whole)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_archive_with_any_bytes_changed_breaks_nothing(tmp_path, archived, talk, data):
    path = tmp_path / "export.tar"
    if not (whole := tmp_path / "whole").exists():
        whole.write_bytes(archived({"conversations.json": [talk(1)], "users.json": []}, "export.tar").read_bytes())
    raw = bytearray(whole.read_bytes()[:4_000])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # a sum that is right, so that what is changed is looked at
        raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    packed = data.draw(st.booleans())
    path.write_bytes(gzip.compress(bytes(raw)) if packed else bytes(raw))
    for importer in importers():
        importer.recognises(path)
        for read in importer.read(path):
            assert isinstance(read.what, Conversation) or read.what.why
