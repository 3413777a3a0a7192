"""Plans for outages read back: Markdown files whose list items, under a heading of a level, are steps.

::

    ---
    plan: coding
    service: claude
    task: [coding]
    ---
    ## Claude is down <!-- level: down -->
    - [ ] Go on in Cursor.

Lists elsewhere are for readers of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from stillup.catalog.load import catalogue
from stillup.catalog.offers import stand_ins
from stillup.daemon.team import MOST_STEPS, TeamSteps, items, read_text, step_of, team_folder
from stillup.errors import BadDataError
from stillup.model.service import Capability, State
from stillup.response.playbook import Step
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.config import Config

MOST_PLANS = 100
_SUFFIX = ".md"
_MAX_NAME = 80
_ASIDE = re.compile(r"\.(new|old)\.md\Z")
"""Written beside a plan, for its owner to compare."""
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"^(plan|service|task)[ \t]*+:(.*)$", re.MULTILINE)
_LEVEL = re.compile(r"<!--\s*level:\s*([^\s>]{0,40})\s*-->")


class Level(StrEnum):
    """How much is gone, and what of a plan is for that."""

    __hash__ = str.__hash__

    SLOW = "slow"
    """It answers, slowly or not every time."""
    PART = "part"
    """One part of the service is down."""
    DOWN = "down"
    """The service is down."""
    ALL = "all"
    """So is everything that could stand in."""
    BACK = "back"
    """It is over."""


_OF_STATE = {
    State.DEGRADED: Level.SLOW,
    State.PARTIAL_OUTAGE: Level.PART,
    State.MAJOR_OUTAGE: Level.DOWN,
}


def level_of(state: State, *, nobody: bool = False) -> Level | None:
    """What of a plan is for a service in that state; None while nothing is wrong."""
    level = _OF_STATE.get(state)
    return Level.ALL if level is Level.DOWN and nobody else level


class ReadPlan(Struct, frozen=True, kw_only=True):
    """One plan as it was read."""

    path: Path
    name: str
    service: str
    tasks: tuple[Capability, ...]
    steps: dict[Level, tuple[Step, ...]]
    changed_ns: int = 0

    def is_alone(self, state_of: Callable[[str], State]) -> bool:
        """Whether all that could stand in is down, as far as it is known; where nothing is known, it is not said."""
        service = catalogue()[self.service]
        states = {state_of(other.id) for task in self.tasks[:1] for other in stand_ins(service, task)}
        known = states - {State.UNKNOWN}
        return bool(known) and all(state.is_outage for state in known)


def _unknown(_: str) -> State:
    return State.UNKNOWN


class PlanSteps:
    """The steps of a folder's plans, read again when a file changes; a bad file is said once and counts for nothing."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._read: dict[Path, tuple[tuple[int, int], ReadPlan | None]] = {}

    @property
    def plans(self) -> tuple[ReadPlan, ...]:
        """Those that can be used, by name of file."""
        return tuple(plan for _, plan in self._read.values() if plan is not None)

    def refresh(self) -> None:
        """Read what is new or changed. Blocks for a look at the folder."""
        read: dict[Path, tuple[tuple[int, int], ReadPlan | None]] = {}
        for path in plan_files(self._folder):
            mark = _mark_of(path)
            before = self._read.get(path)
            read[path] = before if before is not None and before[0] == mark else (mark, self._usable(path))
        self._read = read

    def of(self, service: str, state: State, state_of: Callable[[str], State] = _unknown) -> tuple[Step, ...]:
        """The steps for a service in that state, while others are as ``state_of`` says."""
        found: dict[str, Step] = {}
        for plan in self.plans:
            if plan.service == service:
                level = level_of(state, nobody=plan.is_alone(state_of))
                found |= {step.says: step for step in steps_at([plan], service, level)} if level else {}
        return tuple(found.values())

    def _usable(self, path: Path) -> ReadPlan | None:
        try:
            return read_plan(path)
        except BadDataError as exc:
            self._say(str(exc))
        except OSError as exc:
            self._say(f"{path}: cannot be read: {exc.strerror or exc}")
        return None


def team_steps(config: Config, say: Callable[[str], None] = lambda _: None) -> TeamSteps:
    """The team's own steps and those of plans as they are now; ``say`` is told of files that cannot be used. Blocks."""
    steps = TeamSteps(team_folder(config), say, PlanSteps(plans_folder(config), say))
    steps.refresh()
    return steps


def plans_folder(config: Config) -> Path:
    """Where plans are: ``plans`` beside the configuration file, else where that would be."""
    if config.path is not None:
        return config.path.absolute().parent / "plans"
    from platformdirs import user_config_path

    return user_config_path("stillup") / "plans"


def plan_files(folder: Path) -> list[Path]:
    """The files of a folder that are plans, at most :data:`MOST_PLANS`; none where there is no such folder."""
    try:
        found = sorted(p for p in folder.iterdir() if p.suffix == _SUFFIX and not p.name.startswith("."))
    except OSError:
        return []
    return [path for path in found if not _ASIDE.search(path.name)][:MOST_PLANS]


def read_plans(folder: Path, say: Callable[[str], None]) -> tuple[ReadPlan, ...]:
    """Every plan of a folder; ``say`` is told of each that cannot be used."""
    found = PlanSteps(folder, say)
    found.refresh()
    return found.plans


def plan_steps(config: Config, service: str | None, level: Level, say: Callable[[str], None]) -> tuple[Step, ...]:
    """The steps, all by hand, of every plan for the outage of a service (None: of any) at a level."""
    return steps_at(read_plans(plans_folder(config), say), service, level)


def steps_at(plans: Iterable[ReadPlan], service: str | None, level: Level) -> tuple[Step, ...]:
    """Their steps at a level, each with its plan's name; the same step of two plans once."""
    found: dict[str, Step] = {}
    for plan in plans:
        if service is None or plan.service == service:
            for step in plan.steps.get(level, ()):
                found.setdefault(step.says, structs.replace(step, note=f"plan: {plan.name}"))
    return tuple(found.values())[:MOST_STEPS]


def read_plan(path: Path) -> ReadPlan:
    """One plan.

    :raises BadDataError: it is no text of at most 64 KiB, says not what it is for, or a step cannot be used; the
        message has the line, and what is allowed.
    :raises OSError: it cannot be read.
    """
    text = read_text(path)
    front = front_of(text)
    service = front.get("service", "")
    if service not in catalogue():
        msg = (
            f"{path}:1: service: is {service[:40]!r}; allowed: a service of the catalogue as `claude`, between two ---"
        )
        raise BadDataError(msg)
    words = [word.strip() for word in front.get("task", "").strip("[]").split(",") if word.strip()]
    odd = next((word for word in words if word not in list(Capability)), None)
    if odd is not None:
        msg = f"{path}:1: task: is {odd[:40]!r}; allowed: {', '.join(Capability)}"
        raise BadDataError(msg)
    return ReadPlan(
        path=path,
        name=clean(front.get("plan") or path.stem, _MAX_NAME),
        service=service,
        tasks=tuple(Capability(word) for word in words),
        steps=_steps(text, path),
        changed_ns=path.stat().st_mtime_ns,
    )


def front_of(text: str) -> dict[str, str]:
    """What stands between the two lines of ``---`` of a plan; keys of other programs are let be."""
    found = _FRONT.match(text)
    return {key: value.strip(" \t\r")[:300].strip("\"'") for key, value in _LINE.findall(found[1])} if found else {}


def _steps(text: str, path: Path) -> dict[Level, tuple[Step, ...]]:
    # The front matter would be read as a heading; its lines are kept, so that lines in messages are right.
    front = _FRONT.match(text)
    body = "\n" * text.count("\n", 0, front.end()) + text[front.end() :] if front else text
    found: dict[Level, list[Step]] = {}
    for item in items(body):
        mark = next((m for words in reversed(item.under) if (m := _LEVEL.search(words))), None)
        if mark is None:
            continue
        if mark[1] not in list(Level):
            msg = f"{path}:{item.line}: stands under level {mark[1]!r}; allowed: {', '.join(Level)}"
            raise BadDataError(msg)
        steps = found.setdefault(Level(mark[1]), [])
        if len(steps) == MOST_STEPS:
            msg = f"{path}:{item.line}: more than {MOST_STEPS} steps of one level"
            raise BadDataError(msg)
        steps.append(step_of(item, path))
    return {level: tuple(steps) for level, steps in found.items()}


def _mark_of(path: Path) -> tuple[int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0)
    return (seen.st_mtime_ns, seen.st_size)
