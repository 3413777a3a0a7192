"""Find a scenario by name or path, read it, and refuse what cannot be played: file, line, and what is allowed."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec.structs import replace

from stillup.catalog.load import catalogue
from stillup.config.locate import line_at, lines_of
from stillup.config.words import Complaint, KeyPath, dotted
from stillup.errors import BadDataError, UsageError
from stillup.sim.check import complaints
from stillup.sim.scenario import Scenario
from stillup.sources.decode import clean

_MAX_BYTES = 1 << 20
_TITLE_CHARS, _SAID_CHARS = 200, 300
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def names() -> tuple[str, ...]:
    """The scenarios that come with stillup."""
    folder = files("stillup.sim") / "scenarios"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def load(name: str) -> Scenario:
    """A shipped scenario by name, or any scenario by the path of its file.

    :raises UsageError: no such scenario; the message has the nearest names.
    :raises BadDataError: the file cannot be read or played; the message has file, line and what is allowed.
    """
    if name in names():
        return parse((files("stillup.sim") / "scenarios" / f"{name}.toml").read_text("utf-8"), f"{name}.toml")
    if "/" not in name and not name.endswith(".toml"):
        near = get_close_matches(name, names(), n=3, cutoff=0.4) or names()
        msg = f"no scenario called {name[:60]!r}; known: {', '.join(near)}, or the path of a .toml file"
        raise UsageError(msg)
    return parse(_read(Path(name)), name)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            body = file.read(_MAX_BYTES + 1)
        if len(body) > _MAX_BYTES:
            msg = f"{path}: larger than 1 MiB; allowed: a scenario file"
            raise BadDataError(msg)
        return body.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        msg = f"{path}: cannot be read: {why}"
        raise BadDataError(msg) from exc


def parse(text: str, file: str) -> Scenario:
    """The scenario in ``text``; ``file`` is only named in errors.

    :raises BadDataError: one line for each thing that is wrong: ``file:line: key: what it is; allowed: what may be``.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        place = _PLACE.search(str(exc))
        line = place[1] if place and place[1] else text.rstrip("\n").count("\n") + 1
        msg = f"{file}:{line}: not TOML: {_PLACE.sub('', str(exc))}"
        raise BadDataError(msg) from exc
    except RecursionError:
        msg = f"{file}:1: not TOML: nested too deeply"
        raise BadDataError(msg) from None
    try:
        scenario = msgspec.convert(tree, Scenario)
    except msgspec.ValidationError as exc:
        wrong = [_of_type(str(exc))]
    else:
        wrong = list(complaints(scenario, catalogue()))
        if not wrong:
            return replace(scenario, title=clean(scenario.title, _TITLE_CHARS) or scenario.id)
    lines = lines_of(text)
    places = [f"{file}:{line_at(lines, c.path)}: {dotted(c.path) or 'the file'}" for c in wrong]
    raise BadDataError("\n".join(f"{place}: {c.says}" for place, c in zip(places, wrong, strict=True)))


def _of_type(message: str) -> Complaint:
    """A complaint from what msgspec says: ``… - at `$.faults[0].from```, or a struct's own check without a place."""
    from stillup.sim.allowed import allowed_at

    says, _, where = message.rpartition(" - at ") if " - at " in message else (message, "", "")
    path = _path(where)
    says = clean(says, _SAID_CHARS)  # names of the file are quoted in it
    allowed = "" if says.startswith("`") else allowed_at(path)
    return Complaint(path, f"{says[:1].lower()}{says[1:]}{f'; allowed: {allowed}' if allowed else ''}")


def _path(where: str) -> KeyPath:
    """A place in msgspec's notation as keys and numbers; ``[...]`` is any key of a table and left out."""
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", where)
    return tuple(key or int(number) for key, number in steps)
