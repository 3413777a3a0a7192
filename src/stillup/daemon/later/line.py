"""The line of commands that wait: one at a time, when what it waits for has been well for long enough.

One process works on it: ``stillup up``, or ``stillup later run``. Another that wants to waits for its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.daemon.later.command import Command, Health, Next, Stage, Why, environment_of, next_of
from stillup.daemon.later.run import start
from stillup.daemon.later.shelf import Commands, commands_folder
from stillup.gateway.later.item import State
from stillup.gateway.later.shelf import read_items
from stillup.gateway.later.told import Note

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.later.health import Healths
    from stillup.daemon.lock import Lock

LOOK_S = 1.0
_END_S = 0.1
_ANYWAY = 5
_PRUNE_EVERY_S = 3_600.0
_AFTER_A_MISTAKE_S = 30.0
_MB = 1_048_576
_LOST = "whatever ran it ended with it: it may have run"
_STOPPED = "it was stopped"


class Line:
    """``say`` is told in a sentence of trouble, ``tell`` of each that is over: never a word of what it wrote."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        healths: Healths,
        *,
        say: Callable[[str], None],
        tell: Callable[[Note], None],
    ) -> None:
        self.commands = Commands(commands_folder(config))
        self._requests: Path = config.data_folder / "later"
        self._settings, self._environ, self._clock = config.later, environ, clock
        self._healths = healths
        self._say, self._tell = say, tell
        self._seen, self._looks = -1, 0
        self._all: list[Command] = []
        self._pruned_s = float("-inf")
        self._trouble = ""

    async def go_on(self) -> None:
        """Until it is cancelled. A command that runs then goes on."""
        with self.commands.line() as line:
            while True:
                rest_s = await self._tried(line)
                await self._clock.sleep(rest_s)

    async def until_done(self, wanted: Callable[[Command], bool]) -> bool:
        """Until none that is wanted waits or runs; False where another process works on the line."""
        with self.commands.line() as line:
            if not line.taken():
                return False
            while True:
                rest_s = await self.turn()
                if not any(wanted(c) and not c.stage.is_over for c in self.commands.read()):
                    return True
                await self._clock.sleep(rest_s)

    async def _tried(self, line: Lock) -> float:
        """A turn; what the disk refuses is said once."""
        try:
            rest_s = await self.turn() if line.taken() else LOOK_S
        except OSError as error:
            why = error.strerror or type(error).__name__
            if why != self._trouble:
                self._say(f"commands that wait cannot be run: {why} ({self.commands.folder})")
            self._trouble = why
            return LOOK_S
        except Exception as exc:  # noqa: BLE001 - a mistake of ours must not end it for all that still wait
            told = {"message": "a command that waits could not be run", "exception": exc}
            asyncio.get_running_loop().call_exception_handler(told)
            return _AFTER_A_MISTAKE_S
        self._trouble = ""
        return rest_s

    async def turn(self) -> float:
        """Run one, if it is time; how long to rest afterwards."""
        now_s = self._clock.wall_s()
        if now_s - self._pruned_s >= _PRUNE_EVERY_S:
            self._pruned_s = now_s
            with self.commands.changing():
                self.commands.prune(now_s, self._settings.keep_days)
        everything = self._read()
        for left in [c for c in everything if c.stage is Stage.RUNNING]:
            await self._left(left)
        if not any(c.stage is Stage.WAITING for c in everything):
            return LOOK_S
        found = await self._next(everything)
        self._explain(everything, found.waits)
        if found.why is Why.SKIP and found.command is not None:
            self._over(replace(found.command, stage=Stage.SKIPPED, says=found.waits[found.command.id]))
            return 0.0
        if found.command is None:
            return LOOK_S
        await self._run(found.command)
        return self._settings.pause_s

    def _explain(self, everything: Sequence[Command], waits: Mapping[str, str]) -> None:
        """Others see in the file why each waits; it is written when that changes."""
        for command in everything:
            if waits.get(command.id, command.says) != command.says:
                with self.commands.changing():
                    found = self.commands.find(command.id)
                    if found is not None and found.stage is Stage.WAITING:
                        self.commands.put(replace(found, says=waits[command.id]))

    def _read(self) -> list[Command]:
        """What is in the folder; while nothing in it waits, it is read only when something in it was replaced.

        And now and then anyway: two changes within one tick of the file system's clock look like one.
        """
        changed = self.commands.folder.stat().st_mtime_ns if self.commands.folder.exists() else 0
        self._looks += 1
        if changed != self._seen or self._looks >= _ANYWAY or any(not c.stage.is_over for c in self._all):
            self._seen, self._all, self._looks = changed, self.commands.read(), 0
        return self._all

    async def _next(self, everything: Sequence[Command]) -> Next:
        subjects = [s for c in everything if c.stage is Stage.WAITING and not c.hurried for s in c.subjects]
        health: Mapping[str, Health] = await self._healths.of(subjects) if subjects else {}
        return next_of(
            everything,
            self._results(everything),
            health,
            self._environ,
            now_s=self._clock.wall_s(),
            well_for_s=self._settings.well_for_s,
        )

    def _results(self, everything: Sequence[Command]) -> dict[str, bool | None]:
        found = {c.id: (c.stage is Stage.DONE if c.stage.is_over else None) for c in everything}
        if any(c.after.startswith("later_") for c in everything):
            for item in read_items(self._requests):
                found[item.id] = item.state is State.ANSWERED if item.state.is_over else None
        return found

    # --- running

    async def _run(self, command: Command) -> None:
        try:
            begun = await asyncio.to_thread(self._begin, command)
        except OSError as error:
            why = f"it could not be started: {_why(error, command)}"
            self._over(replace(command, stage=Stage.FAILED, runs=command.runs + 1, says=why))
            return
        if begun is not None:
            running, child = begun
            self._came(running, await self._ended(child, running))

    def _begin(self, command: Command) -> tuple[Command, subprocess.Popen[bytes]] | None:
        """Start it, unless it was cancelled meanwhile. Blocks for the disk.

        The disk must know before it begins: what may have run does not run again by itself.
        """
        with self.commands.changing():
            found = self.commands.find(command.id)
            if found is None or found.stage is not Stage.WAITING:
                return None
            running = replace(
                found,
                stage=Stage.RUNNING,
                runs=found.runs + 1,
                started_at_s=self._clock.wall_s(),
                exit_code=None,
                group=0,
                says="",
            )
            self.commands.at(command.id, "exit").unlink(missing_ok=True)
            self.commands.put(running)
            self.commands.sync(running)
            child = start(self.commands, running, environment_of(running, self._environ))
            running = replace(running, group=child.pid)
            self.commands.put(running)
            return running, child

    async def _ended(self, child: subprocess.Popen[bytes], running: Command) -> int | None:
        try:
            while child.poll() is None:
                self._cut(running)
                await asyncio.sleep(_END_S)  # a child's end is in real time, whatever the clock
        except asyncio.CancelledError:
            child.returncode = 0  # it goes on by itself, and whoever is next sees how it ended
            raise
        self._cut(running)
        code = self.commands.exit_code(running.id)
        return code if code is not None else child.returncode

    async def _left(self, command: Command) -> None:
        """Another process began it, and is gone: it goes on, or is over, or nobody knows."""
        while self.commands.is_running(command.id):
            self._cut(command)
            await asyncio.sleep(_END_S)
        self._came(command, self.commands.exit_code(command.id))

    def _came(self, command: Command, code: int | None) -> None:
        if code is None:
            self._over(replace(command, stage=Stage.UNSURE, says=_LOST))
        elif code < 0:
            self._over(replace(command, stage=Stage.FAILED, exit_code=128 - code, says=_STOPPED))
        else:
            self._over(replace(command, stage=Stage.DONE if code == 0 else Stage.FAILED, exit_code=code))

    def _cut(self, command: Command) -> None:
        self.commands.cut_output(command.id, self._settings.output_mb * _MB)

    def _over(self, command: Command) -> None:
        done = replace(command, done_at_s=self._clock.wall_s(), hurried=False, group=0)
        if self._note(done):
            text = f"{told_of(done)} · stillup later show {done.id}"
            self._tell(Note(f"stillup: {done.name} {_HEADLINES[done.stage]}", text))

    def _note(self, command: Command) -> bool:
        """Keep it, unless it was cancelled meanwhile."""
        with self.commands.changing():
            if self.commands.find(command.id) is None:
                return False
            self.commands.put(command)
            return True


_HEADLINES = {
    Stage.DONE: "is done",
    Stage.FAILED: "failed",
    Stage.SKIPPED: "was skipped",
    Stage.UNSURE: "may have run",
}


def told_of(command: Command) -> str:
    """What came of it, in a few words."""
    code = f"exit code {command.exit_code}" if command.exit_code is not None else ""
    return ", ".join(filter(None, (code, command.says))) or command.stage.value


def _why(error: OSError, command: Command) -> str:
    said = error.strerror or type(error).__name__
    return f"{said} ({command.folder})" if isinstance(error, (FileNotFoundError, NotADirectoryError)) else said


def line_of(config: Config, environ: Mapping[str, str], clock: Clock, say: Callable[[str], None]) -> Line:
    """As configured. To be made in the event loop that runs it."""
    from stillup.daemon.answer_note import answer_notes
    from stillup.daemon.later.health import Healths

    tell = answer_notes(clock, say, on_desktop=config.later.notify)
    return Line(config, environ, clock, Healths(config, environ, clock), say=say, tell=tell)
