"""A plan as Markdown: stillup's part between two marks, everything around it its owner's.

The closing mark holds a digest of the part as it was written, so that one which a person has edited is known and never
overwritten.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from stillup.daemon.plan.facts import PlanFacts
from stillup.daemon.plan.levels import Part, parts_of, rests_on
from stillup.daemon.plan.steps import Level
from stillup.daemon.team import MOST_BYTES, read_text
from stillup.errors import BadDataError, UsageError
from stillup.private import private_folder, replace_file

_BEGIN = re.compile(r"^<!-- stillup: made (\d{4}-\d\d-\d\d)[^\n]*-->\n", re.MULTILINE)
_END = re.compile(r"^<!-- stillup: end ([0-9a-f]{16}) -->$", re.MULTILINE)
_FRONT = re.compile(r"\A---\n(?:plan|service|task): [^\n]*\n(?:(?:plan|service|task): [^\n]*\n)*---\n")
_SLUG = re.compile(r"[^\w]+")
_MAX_NAME = 60


class Written(StrEnum):
    """What became of a plan's file."""

    __hash__ = str.__hash__

    NEW = "new"
    RENEWED = "renewed"
    SAME = "same"
    """Nothing would have changed."""
    BESIDE = "beside"
    """A person has edited stillup's part, or the file is none of its own: the new one lies beside it."""


class Kept(Struct, frozen=True):
    """Where a plan was written, and what became of it; ``old`` is where an edited one was kept."""

    path: Path
    how: Written
    old: Path | None = None


def slug_of(name: str) -> str:
    """The name of a plan's file.

    :raises UsageError: nothing can be called that.
    """
    slug = _SLUG.sub("-", name.strip().lower()).strip("-_")
    if not slug or len(name) > _MAX_NAME or not name.isprintable() or set(name) & set("<>"):
        msg = f"{name[:_MAX_NAME]!r} cannot be the name of a plan; allowed: up to {_MAX_NAME} letters and digits"
        raise UsageError(msg)
    return slug


def markdown(facts: PlanFacts) -> str:
    """A new plan, whole."""
    part = _part(facts)
    return (
        f"{_front(facts)}# {facts.name}: when {facts.service.name} is not there\n\n{_begin(facts.at)}{part}"
        f"{_end(part)}\n\n{''.join(_yours(facts))}"
    )


def _front(f: PlanFacts) -> str:
    tasks = ", ".join(task.id.value for task in f.tasks)
    return f"---\nplan: {f.name}\nservice: {f.service.id}\ntask: [{tasks}]\n---\n"


def _begin(at: datetime) -> str:
    return f"<!-- stillup: made {at:%Y-%m-%d}; `stillup plan` renews what stands from here to the end mark -->\n"


def _end(part: str) -> str:
    return f"<!-- stillup: end {_digest(part)} -->"


def _digest(part: str) -> str:
    return sha256(part.encode()).hexdigest()[:16]


def _part(f: PlanFacts) -> str:
    what = ", ".join(task.title.lower() for task in f.tasks)
    lines = [f"What it is for: {what}. What this rests on:\n\n"]
    lines += [f"- {sentence}.\n" for sentence in rests_on(f)]
    for part in parts_of(f):
        lines += _level(part)
    lines += _message(f)
    return "".join(lines)


def _level(part: Part) -> Iterator[str]:
    yield f"\n## {part.title} <!-- level: {part.level.value} -->\n\n"
    if part.remarks:
        yield " ".join(part.remarks) + "\n\n"
    yield from (f"- [ ] {step}\n" for step in dict.fromkeys(part.steps))


def _message(f: PlanFacts) -> Iterator[str]:
    yield "\n## What is told, and to whom\n\n"
    by = f"Alerts tell {', '.join(f.tells)} by themselves." if f.tells else "No alert is set up: this is sent by hand."
    yield f"{by} The words, from the kit (`stillup kit edit outage-notice` changes them):\n\n"
    # Indented, whatever the words are they are neither a step nor a mark.
    lines = ("".join(c for c in line if c.isprintable()) for line in f.message.splitlines())
    yield "".join(f"    {line}".rstrip() + "\n" for line in lines) or "    …\n"
    yield "\n"


def _yours(f: PlanFacts) -> Iterator[str]:
    yield "# Yours\n\n"
    yield (
        "What only you know: who decides, whom to ring, where the last good version lies. `stillup plan` never changes "
        "anything below. A list under one of these headings becomes steps, as above.\n"
    )
    for level, title in (
        (Level.PART, "One part is down"),
        (Level.DOWN, f"{f.service.name} is down"),
        (Level.ALL, "Nothing answers"),
    ):
        yield f"\n## {title} <!-- level: {level.value} -->\n"


def renewed(text: str, facts: PlanFacts, *, force: bool = False) -> str | None:
    """The text with stillup's part made anew; None where a person has edited it, or has taken a mark away.

    ``force``: an edited part is made anew too.
    """
    found = _own_part(text)
    if found is None:
        return None
    begins, ends, is_edited = found
    if is_edited and not force:
        return None
    part = _part(facts)
    if text[begins:ends] == part:
        head, rest = text[:begins], text[ends:]  # the date stays: nothing has changed since
    else:
        mark, end = _BEGIN.search(text), _END.search(text)
        if mark is None or end is None:
            return None
        head, rest = text[: mark.start()] + _begin(facts.at), _end(part) + text[end.end() :]
    return _FRONT.sub(lambda _: _front(facts), head, count=1) + part + rest


def _own_part(text: str) -> tuple[int, int, bool] | None:
    """Where stillup's part begins and ends, and whether a person has edited it; None where a mark is missing."""
    begin, end = _BEGIN.search(text), _END.search(text)
    if begin is None or end is None or end.start() < begin.end():
        return None
    if len(_BEGIN.findall(text)) > 1 or len(_END.findall(text)) > 1:
        return None
    return begin.end(), end.start(), _digest(text[begin.end() : end.start()]) != end[1]


def write(folder: Path, facts: PlanFacts, *, force: bool = False) -> Kept:
    """Write a plan, or renew stillup's part of one that is there; what a person edited stays.

    ``force``: an edited part, or a whole file without marks, is replaced, and kept beside as ``NAME.old.md``.

    :raises UsageError: its name cannot be one.
    :raises BadDataError: what is there, or the folder, cannot be used.
    """
    slug = slug_of(facts.name)
    path = folder / f"{slug}.md"
    try:
        private_folder(folder)
        if not path.exists():
            if path.is_symlink():
                msg = f"{path} is a link that leads nowhere; mend it or take it away"
                raise BadDataError(msg)
            return _put(path, markdown(facts), Written.NEW)
        path = Path(os.path.realpath(path))
        text = read_text(path)
        whole = renewed(text, facts)
        if whole is not None:
            return Kept(path, Written.SAME) if whole == text else _put(path, whole, Written.RENEWED)
        if not force:
            return _put(path.with_name(f"{slug}.new.md"), markdown(facts), Written.BESIDE)
        old = path.with_name(f"{slug}.old.md")
        replace_file(old, text.encode())
        return _put(path, renewed(text, facts, force=True) or markdown(facts), Written.RENEWED, old)
    except OSError as exc:
        msg = f"{path} cannot be written: {exc.strerror or exc}"
        raise BadDataError(msg) from exc


def _put(path: Path, text: str, how: Written, old: Path | None = None) -> Kept:
    body = text.encode()
    if len(body) > MOST_BYTES:
        msg = f"{path} would be larger than {MOST_BYTES // 1024} KiB, which nobody reads while something is down"
        raise BadDataError(msg)
    replace_file(path, body)
    return Kept(path, how, old)
