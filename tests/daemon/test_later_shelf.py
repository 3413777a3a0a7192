"""Commands that wait lie in private files that any process may read."""

from __future__ import annotations

import os
import stat

import pytest
from msgspec.structs import replace

from stillup.daemon.later.command import Command, Stage
from stillup.daemon.later.shelf import Commands, new_id
from stillup.errors import UsageError


def command(**more):
    return Command(id=new_id(), words=("make",), folder="/", added_at_s=1.0, **more)


@pytest.fixture
def commands(tmp_path):
    return Commands(tmp_path / "commands")


def test_what_was_added_is_there_in_line_and_for_its_owner_alone(commands):
    added = [commands.add(command(), 9) for _ in range(3)]
    assert [c.number for c in added] == [1, 2, 3]
    assert Commands(commands.folder).read() == added
    assert {stat.S_IMODE(path.stat().st_mode) for path in commands.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(commands.folder.stat().st_mode) == 0o700


def test_without_a_folder_there_is_nothing_and_none_is_made(commands):
    assert commands.read() == []
    assert not commands.folder.exists()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"id": "x"}', b"\xff" * 99, b"{" * 9999])
def test_a_file_that_is_damaged_is_passed_over(commands, junk):
    kept, other = commands.add(command(), 9), commands.add(command(), 9)
    commands.at(kept.id, "command").write_bytes(junk)
    commands.at("cmd_nonsense", "command").write_bytes(b"{}")
    commands.at(new_id(), "command").write_bytes(commands.at(other.id, "command").read_bytes())  # under another name
    assert commands.read() == [other]
    assert commands.find("../../etc/passwd") is None


def test_results_give_way_oldest_first_and_what_waits_never(commands):
    first, second, third = (commands.add(command(), 3) for _ in range(3))
    with pytest.raises(UsageError, match=r"3 commands wait already; `later.max_commands` \(3\)"):
        commands.add(command(), 3)
    commands.put(replace(second, stage=Stage.DONE, done_at_s=2.0))
    commands.put(replace(first, stage=Stage.FAILED, done_at_s=3.0))
    fourth = commands.add(command(), 3)
    assert [c.id for c in commands.read()] == [first.id, third.id, fourth.id]


def test_what_is_dropped_leaves_nothing(commands):
    kept = commands.add(command(), 9)
    for kind in ("exit", "out", "lock", "exit.new"):
        commands.at(kept.id, kind).write_bytes(b"0")
    commands.drop(kept.id)
    assert [p.name for p in commands.folder.iterdir()] == ["change"]


def test_results_that_are_too_old_are_forgotten(commands):
    old, fresh, waiting = (commands.add(command(), 9) for _ in range(3))
    commands.put(replace(old, stage=Stage.DONE, done_at_s=10.0))
    commands.put(replace(fresh, stage=Stage.DONE, done_at_s=86_000.0))
    commands.prune(87_000.0, 1)
    assert [c.id for c in commands.read()] == [fresh.id, waiting.id]


@pytest.mark.parametrize(("text", "code"), [(b"0", 0), (b"137", 137), (b"", None), (b"-1", None), (b"x", None)])
def test_an_exit_code_is_a_number_or_nothing(commands, text, code):
    kept = commands.add(command(), 9)
    assert commands.exit_code(kept.id) is None
    commands.at(kept.id, "exit").write_bytes(text)
    assert commands.exit_code(kept.id) == code


def test_of_a_long_output_the_beginning_and_the_end_are_kept(commands):
    kept = commands.add(command(), 9)
    commands.at(kept.id, "out").write_bytes(b"first" + b"x" * 5_000 + b"last")
    commands.cut_output(kept.id, 1_000)
    told = commands.output(kept.id)
    assert told.startswith(b"first")
    assert told.endswith(b"last")
    assert b"left out" in told
    assert len(told) < 1_200
    commands.cut_output(kept.id, 1_000)
    assert commands.output(kept.id) == told
    commands.cut_output(new_id(), 1_000)  # nothing was written


def test_a_lock_says_whether_it_runs(commands):
    kept = commands.add(command(), 9)
    assert not commands.is_running(kept.id)
    lock = commands.hold(kept.id)
    assert commands.is_running(kept.id)
    assert commands.hold(kept.id) is None
    os.close(lock)
    assert not commands.is_running(kept.id)


def test_one_process_has_the_line(commands):
    commands.add(command(), 9)
    with commands.line() as one, commands.line() as other:
        assert one.taken()
        assert not other.taken()


@pytest.mark.skipif(os.name != "posix", reason="modes say nothing there")
def test_a_folder_that_others_can_write_to_is_not_trusted(commands):
    commands.folder.mkdir()
    commands.folder.chmod(0o777)
    with pytest.raises(OSError, match="others can write"):
        commands.read()
    with pytest.raises(OSError, match="others can write"):
        commands.add(command(), 9)
