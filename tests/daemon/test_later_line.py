"""Commands that wait are run once, in line, and what came of them is kept however whoever ran them ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.later.command import Command, Health, Stage
from stillup.daemon.later.line import Line
from stillup.daemon.later.run import stop
from stillup.daemon.later.shelf import Commands, commands_folder, new_id
from stillup.errors import UsageError
from tests.daemon.later_runner import Well

TEXT = 'data = "{data}"\n[later]\npause_s = 0\nwell_for_s = 0\noutput_mb = 1\n'
WITHIN_S = 60.0
"""A busy machine's disk stands still for many seconds now and then, and a command begins when the disk knows of it."""


class Down:
    def __init__(self):
        self.health = Health(None, "major outage")

    async def of(self, subjects):
        return dict.fromkeys(subjects, self.health)


class Place:
    """A folder of commands, and the line that runs them here."""

    def __init__(self, folder, healths=None, environ=None):
        self.path = folder / "stillup.toml"
        self.path.write_text(TEXT.format(data=folder / "data"))
        self.config = parse_config(self.path.read_text())
        self.commands = Commands(commands_folder(self.config))
        self.folder, self.notes, self.said = folder, [], []
        self.line = Line(
            self.config, environ or {"PATH": "/usr/bin:/bin"}, SystemClock(), healths or Well(),
            say=self.said.append, tell=self.notes.append,
        )  # fmt: skip

    def add(self, *words, **more):
        made = Command(
            id=new_id(), words=words, folder=str(self.folder), subjects=("claude",), added_at_s=1.0,
            environment={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return self.commands.add(replace(made, **more), 99)

    async def done(self, *commands):
        async with asyncio.timeout(WITHIN_S):
            assert await self.line.until_done(lambda c: not commands or c.id in {x.id for x in commands})
        return [self.commands.find(c.id) for c in commands]

    async def until(self, true):
        async with asyncio.timeout(WITHIN_S):
            while not true():  # noqa: ASYNC110 - files that nobody signals
                await asyncio.sleep(0.01)

    def program(self, nth=0):
        script = Path(__file__).with_name("later_runner.py")
        root = str(Path(__file__).parents[2])
        return subprocess.Popen(
            [sys.executable, str(script), str(self.path), str(nth)],
            stdout=subprocess.PIPE, env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


async def test_in_line_each_once_with_output_and_exit_code_kept(place):
    added = [place.add("sh", "-c", f"echo {n}; echo {n} >>order; exit {n}") for n in range(3)]
    found = await place.done(*added)
    assert [(c.stage, c.exit_code, c.runs) for c in found] == [
        (Stage.DONE, 0, 1), (Stage.FAILED, 1, 1), (Stage.FAILED, 2, 1),
    ]  # fmt: skip
    assert (place.folder / "order").read_text() == "0\n1\n2\n"
    assert [place.commands.output(c.id) for c in added] == [b"0\n", b"1\n", b"2\n"]
    assert [note.title for note in place.notes] == ["stillup: sh is done", "stillup: sh failed", "stillup: sh failed"]
    await place.done(*added)
    assert (place.folder / "order").read_text() == "0\n1\n2\n"


async def test_nothing_runs_while_what_it_waits_for_is_down(tmp_path):
    down = Down()
    place = Place(tmp_path, down)
    added = place.add("true")
    for _ in range(3):
        await place.line.turn()
    found = place.commands.find(added.id)
    assert (found.stage, found.says) == (Stage.WAITING, "claude: major outage")
    down.health = Health(0.0, "operational")
    await place.line.turn()
    assert place.commands.find(added.id).stage is Stage.DONE


async def test_it_has_its_folder_what_was_kept_and_what_its_runner_has_by_name_and_no_more(tmp_path):
    place = Place(tmp_path, environ={"A_KEY": "dummy", "B_KEY": "dummy", "PATH": "/nowhere"})
    (tmp_path / "there").mkdir()
    added = place.add("pwd; env; cat", folder=str(tmp_path / "there"), wants=("A_KEY",))
    await place.done(added)
    told = place.commands.output(added.id).decode()
    assert told.startswith(str(tmp_path / "there"))
    assert "A_KEY=dummy" in told
    assert "B_KEY" not in told
    assert "PATH=/usr/bin:/bin" in told


async def test_what_cannot_be_started_says_why(place):
    nowhere = place.add("true", folder=str(place.folder / "gone"))
    unknown = place.add("no-such-program-as-this")
    first, second = await place.done(nowhere, unknown)
    assert (first.stage, first.exit_code) == (Stage.FAILED, None)
    assert "No such file or directory" in first.says
    assert (second.stage, second.exit_code) == (Stage.FAILED, 127)


async def test_nothing_runs_in_a_folder_that_somebody_else_has_made_meanwhile(place):
    (found,) = await place.done(place.add("touch", "ran", owner=place.folder.stat().st_uid + 1))
    assert (found.stage, found.says) == (
        Stage.FAILED, "it could not be started: its folder belongs to somebody else by now",
    )  # fmt: skip
    assert not (place.folder / "ran").exists()


async def test_a_word_of_the_shell_is_no_program_and_ends_not_whoever_keeps_its_exit_code(place):
    found = await place.done(place.add("exit", "3"), place.add("exec", "true"))
    assert [(c.stage, c.exit_code) for c in found] == [(Stage.FAILED, 127)] * 2
    assert all(place.commands.exit_code(c.id) == 127 for c in found)


async def test_what_comes_after_a_failure_is_skipped_and_so_is_what_comes_after_that(place):
    first = place.add("false")
    second = place.add("true", after=first.id)
    third = place.add("true", after=second.id)
    found = await place.done(first, second, third)
    assert [c.stage for c in found] == [Stage.FAILED, Stage.SKIPPED, Stage.SKIPPED]
    assert found[1].says == f"{first.id} did not succeed"


async def test_a_long_output_is_cut_in_the_middle(place):
    added = place.add("echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last")
    await place.done(added)
    told = place.commands.output(added.id)
    assert (told[:6], told[-5:]) == (b"first\n", b"last\n")
    assert len(told) < 1_100_000


async def test_one_that_runs_can_be_stopped_also_when_it_does_not_want_to(place):
    added = place.add("trap '' TERM; echo begun; while :; do sleep 0.1; done")
    running = asyncio.create_task(place.line.until_done(lambda _: True))
    await place.until(lambda: place.commands.output(added.id))
    with place.commands.changing():  # it writes before it is noted under which number it runs
        found = place.commands.find(added.id)
    await asyncio.to_thread(stop, place.commands, found, 0.3)
    async with asyncio.timeout(WITHIN_S):
        assert await running
    found = place.commands.find(added.id)
    assert (found.stage, found.exit_code, found.says) == (Stage.FAILED, 137, "it was stopped")


async def test_one_that_was_forgotten_while_it_ran_leaves_nothing(place):
    added = place.add("echo begun; sleep 0.2")
    running = asyncio.create_task(place.line.until_done(lambda _: True))
    await place.until(lambda: place.commands.output(added.id))
    with place.commands.changing():
        place.commands.drop(added.id)
    await place.until(lambda: not list(place.commands.folder.glob("*.exit.new")))
    assert await running
    assert place.commands.find(added.id) is None
    assert place.notes == []


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # that is the point
async def test_who_stops_running_the_line_leaves_the_command_going_and_the_next_sees_how_it_ended(place):
    added = place.add("echo begun; until [ -e go ]; do sleep 0.02; done; exit 7")
    running = asyncio.create_task(place.line.go_on())
    await place.until(lambda: place.commands.output(added.id))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert place.commands.is_running(added.id)
    (place.folder / "go").touch()
    (found,) = await Place(place.folder).done(added)
    assert (found.stage, found.exit_code, found.runs) == (Stage.FAILED, 7, 1)


async def test_what_was_running_when_the_machine_died_may_have_run_and_does_not_run_again(place):
    added = place.add("touch ran")
    place.commands.put(replace(added, stage=Stage.RUNNING, runs=1, group=1))
    (found,) = await place.done(added)
    assert (found.stage, found.exit_code) == (Stage.UNSURE, None)
    assert "may have run" in found.says
    assert place.notes[0].title == "stillup: touch may have run"
    await place.done(added)
    assert not (place.folder / "ran").exists()


def test_killed_before_any_change_of_a_file_no_command_runs_twice(tmp_path):
    stages, nth = [], 0
    while True:
        nth += 1
        (tmp_path / str(nth)).mkdir()
        place = Place(tmp_path / str(nth))
        added = place.add("echo ran >>ran; exit 5")
        first = place.program(nth)
        first.communicate()
        if first.returncode == 0:
            break  # it changes no file so late
        assert first.returncode == -signal.SIGKILL
        second = place.program()
        second.communicate()
        assert second.returncode == 0
        ran = (place.folder / "ran").read_text().count("ran") if (place.folder / "ran").exists() else 0
        found = place.commands.find(added.id)
        stages.append(found.stage)
        assert (found.stage, ran) in {(Stage.FAILED, 1), (Stage.UNSURE, 0)}
        assert found.exit_code == (5 if ran else None)
    assert stages.count(Stage.FAILED) >= 5
    assert stages.count(Stage.UNSURE) >= 1


async def test_two_processes_do_not_work_on_one_line(place):
    added = place.add("until [ -e go ]; do sleep 0.02; done")
    other = Place(place.folder)
    running = asyncio.create_task(place.line.until_done(lambda _: True))
    await place.until(lambda: place.commands.find(added.id).stage is Stage.RUNNING)
    assert not await other.line.until_done(lambda _: True)
    (place.folder / "go").touch()
    assert await running


async def test_a_folder_that_cannot_be_used_is_said_once(place):
    place.add("true")
    place.commands.folder.chmod(0o777)
    with place.commands.line() as line:
        for _ in range(3):
            await place.line._tried(line)
    assert len(place.said) == 1
    assert "others can write to its folder" in place.said[0]


def test_no_more_are_kept_than_may_be(place):
    place.add("true")
    with pytest.raises(UsageError, match="2 commands wait already"):
        place.commands.add(replace(place.add("true"), id=new_id()), 2)


async def test_one_that_was_added_in_the_same_tick_of_the_file_systems_clock_is_seen_too(place):
    await place.done(place.add("true"))
    seen = place.commands.folder.stat().st_mtime_ns
    await place.line.turn()
    added = place.add("true")
    os.utime(place.commands.folder, ns=(seen, place.line._seen))
    (found,) = await place.done(added)
    assert found.stage is Stage.DONE
