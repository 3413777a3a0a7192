"""A shell command that waits: what is kept of it, what never is, and whose turn it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct


class Stage(StrEnum):
    """How far a command is."""

    __hash__ = str.__hash__

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    """It ended with exit code 0."""
    FAILED = "failed"
    """It ended with another, or could not be started."""
    SKIPPED = "skipped"
    """What it was to come after did not succeed."""
    UNSURE = "unsure"
    """Whatever ran it died with it: it may have run, in part or whole, and does not run again by itself."""

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it by itself."""
        return self not in (Stage.WAITING, Stage.RUNNING)


class Command(Struct, frozen=True, kw_only=True):
    """One command. Times are the wall clock's, in seconds since the epoch.

    ``number`` is its place in line. ``subjects`` are what it waits for (``claude``, ``claude/api``); all must be well.
    ``environment`` is what of the environment was kept, ``wants`` the names of variables that are taken from whoever
    runs it. ``after`` is the id of what must have succeeded before. ``hurried``: the next, whatever is known.
    """

    id: str
    number: int = 0
    stage: Stage = Stage.WAITING
    words: tuple[str, ...]
    folder: str
    owner: int | None = None
    """Whose the folder was when it was added: another's of the same name, made meanwhile, is not run in."""
    environment: dict[str, str] = {}
    wants: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    after: str = ""
    hurried: bool = False
    runs: int = 0
    added_at_s: float
    started_at_s: float | None = None
    done_at_s: float | None = None
    group: int = 0
    """The process group it runs in; of use only while its lock is held."""
    exit_code: int | None = None
    says: str = ""
    """Why it waits, or what came of it beside its exit code."""

    def __repr__(self) -> str:
        return f"Command({self.id}, {self.stage.value})"

    @property
    def name(self) -> str:
        """What it may be called where others look: the program, without what it is told."""
        return (self.words[0].split() or [""])[0].rpartition("/")[2][:40]


_KEPT = frozenset(
    {
        "CARGO_HOME",
        "CONDA_PREFIX",
        "GOPATH",
        "HOME",
        "JAVA_HOME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "MANPATH",
        "NODE_PATH",
        "NVM_DIR",
        "PATH",
        "PYENV_ROOT",
        "PYTHONPATH",
        "SHELL",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    }
)
_KEPT_BEGINNINGS = ("LC_", "XDG_")
_OF_THE_RUNNER = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "SSH_AUTH_SOCK", "WAYLAND_DISPLAY", "XAUTHORITY")
"""They are of a login, not of a command: tomorrow's are others."""
_SOUNDS_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE", re.IGNORECASE)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}|\bgh[oprsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bA[KS]IA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bxox[abeprs]-[\w-]{10,}|\bhf_[A-Za-z0-9]{20,}|\bgsk_[A-Za-z0-9]{20,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}|-----BEGIN|(?i:bearer|basic)\s+[\w.~+/=-]{16,}|://[^/\s:@]*:[^/\s@$]+@"
)
"""What keys of well-known makers look like, and a password in an address; others are not known for keys."""


def kept_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program needs to find its way; no variable that is not known to be harmless, and none that holds a key."""
    names = (n for n in environ if n in _KEPT or n.startswith(_KEPT_BEGINNINGS))
    return {name: environ[name] for name in sorted(names) if is_text(environ[name]) and not has_key(environ[name])}


def left_out(environ: Mapping[str, str], wants: Sequence[str]) -> tuple[str, ...]:
    """The names of variables that a command may miss: they sound like secrets, and nobody asked for them."""
    return tuple(sorted(n for n in environ if _SOUNDS_SECRET.search(n) and n not in (*wants, *_OF_THE_RUNNER)))


def is_text(text: str) -> bool:
    """Whether it can be written down: what the system hands over may be any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def has_key(text: str) -> bool:
    """Whether a text holds what looks like a key or a password."""
    return _KEY.search(text) is not None


def environment_of(command: Command, environ: Mapping[str, str]) -> dict[str, str]:
    """What it runs with: what was kept, and by name what whoever runs it has."""
    taken = {name: environ[name] for name in (*_OF_THE_RUNNER, *command.wants) if name in environ}
    return command.environment | taken


def missing(command: Command, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables it wants and whoever would run it does not have."""
    return tuple(name for name in command.wants if not environ.get(name))


def arguments(command: Command) -> tuple[str, ...]:
    """What is run: one word that holds more than a word is a line for the shell."""
    (first, *rest) = command.words
    return ("/bin/sh", "-c", first) if not rest and is_line(first) else command.words


def is_line(word: str) -> bool:
    """Whether it holds more than the name of a program."""
    return re.search(r"[\s|&;<>()$`*?\"'#~]", word) is not None


# --- whose turn it is


class Why(StrEnum):
    """The reason for the next step; "nothing" has one too."""

    __hash__ = str.__hash__

    RUN = "run"
    SKIP = "skip"
    """What it was to come after did not succeed, or is not there any more."""
    NOTHING_WAITS = "nothing_waits"
    NOT_YET = "not_yet"
    """Each that waits has its own reason: see ``waits``."""


class Next(Struct, frozen=True):
    """What is to be done, to which, and why each of the others waits, by id."""

    why: Why
    command: Command | None = None
    waits: dict[str, str] = {}


class Health(Struct, frozen=True):
    """How what is waited for is. ``well_since_s``: operational since then; None while it is not, or nobody knows."""

    well_since_s: float | None = None
    says: str = "not known yet"


_UNKNOWN = Health()


def next_of(
    commands: Sequence[Command],
    results: Mapping[str, bool | None],
    health: Mapping[str, Health],
    environ: Mapping[str, str],
    *,
    now_s: float,
    well_for_s: float,
) -> Next:
    """The first in line whose services are well; one that waits for another service holds up nobody.

    ``commands`` are in line. ``results`` says of what others come after, by id, whether it succeeded (None: not over).
    """
    waiting = [c for c in commands if c.stage is Stage.WAITING]
    waiting.sort(key=lambda c: not c.hurried)
    waits: dict[str, str] = {}
    for command in waiting:
        if command.after and command.after not in results:
            return Next(Why.SKIP, command, {command.id: f"{command.after} is not there any more"})
        result = results[command.after] if command.after else True
        if result is False:
            return Next(Why.SKIP, command, {command.id: f"{command.after} did not succeed"})
        reason = "" if result else f"waits for {command.after}"
        reason = reason or _lacks(command, environ) or _unwell(command, health, now_s, well_for_s)
        if not reason:
            return Next(Why.RUN, command, waits)
        waits[command.id] = reason
    return Next(Why.NOT_YET if waiting else Why.NOTHING_WAITS, None, waits)


def _lacks(command: Command, environ: Mapping[str, str]) -> str:
    names = missing(command, environ)
    return f"{', '.join(names)} is not set where it would be run" if names else ""


def _unwell(command: Command, health: Mapping[str, Health], now_s: float, well_for_s: float) -> str:
    if command.hurried:
        return ""
    for subject in command.subjects:
        found = health.get(subject, _UNKNOWN)
        if found.well_since_s is None:
            return f"{subject}: {found.says}"
        if now_s - found.well_since_s < well_for_s:
            return f"{subject} is operational again, and must be so for {well_for_s:.0f} s"
    return ""
