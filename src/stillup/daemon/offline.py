"""What would still work with no AI service at all, as a checked list: each point with what was found, and what to do.

Nothing is asked but this machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from stillup.catalog.providers import providers
from stillup.daemon.drill.under_way import drills_folder
from stillup.drill.due import Reason, due, words
from stillup.drill.history import read
from stillup.errors import StoreError
from stillup.gateway.local import find_local
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.upstreams import Known, Local
from stillup.kit.last_resort import LastResort
from stillup.kit.toolkit import FRESH, Toolkit, load_toolkit
from stillup.net.names import is_loopback

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.kit.index import Index

_PATIENCE_S = 120.0
_MAX_BYTES = 1 << 20
_NAMED = 3
_NEWEST = 50
_OK = 200


class Point(Struct, frozen=True, kw_only=True):
    """One point of the list. One that is not ``needed`` is advice: it decides nothing."""

    id: str
    title: str
    works: bool
    says: str
    todo: str = ""
    needed: bool = True


class Asked(Struct, frozen=True, kw_only=True):
    """What a local model answered to one small question, and after how long; ``text`` empty: nothing, for ``why``."""

    text: str = ""
    took_s: float = 0.0
    why: str = ""


def last_resort(config: Config) -> LastResort:
    """The small model of this configuration."""
    return LastResort(config.data_folder / "offline")


def check(
    config: Config, environ: Mapping[str, str], kit: Index, now: datetime, *, asks: bool = False
) -> tuple[Point, ...]:
    """The list. ``asks``: every local model server is asked one small question, which may load its model.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    :raises stillup.errors.BadDataError: the toolkit's file cannot be used.
    """
    found = find_local(environ)
    plan = resolve(config, environ, () if config.gateway.upstreams else found)
    return (
        _model(config, found, asks=asks),
        _chain(plan, found),
        _prompts(kit),
        _conversations(config),
        _own_prompts(kit),
        _backups(load_toolkit(config.data_folder / "toolkit.json"), now),
        _reference(environ),
        *_practised(config, now),
    )


def _model(config: Config, found: Sequence[Local], *, asks: bool) -> Point:
    point = partial(Point, id="model", title="A model on this machine")
    if not found:
        if last_resort(config).is_installed:
            return point(works=False, says="the small model is set up and does not run", todo="`stillup offline serve`")
        todo = "install Ollama, LM Studio or llama.cpp with a good model; or `stillup offline install` for a small one"
        return point(works=False, says="no model server answers here", todo=todo)
    if not asks:
        return point(works=True, says="; ".join(map(_words, found)))
    answers = [(local, ask(local)) for local in found]
    says = "; ".join(f"{_words(local)}: {_answer_words(answer)}" for local, answer in answers)
    return point(
        works=any(answer.text for _, answer in answers),
        says=says,
        todo="" if any(answer.text for _, answer in answers) else "look at that server's own log",
    )


def _words(local: Local) -> str:
    names = ", ".join(local.models[:_NAMED]) + (", …" if len(local.models) > _NAMED else "")
    return f"{providers()[local.provider].name} at {local.origin} ({names or 'no model yet'})"


def _answer_words(answer: Asked) -> str:
    return f"answered after {answer.took_s:.1f} s" if answer.text else answer.why


def ask(local: Local, question: str = "Say hello in one short sentence.") -> Asked:
    """One small question to a local server's first model; blocks until it answers."""
    if not local.models:
        return Asked(why="it has no model")
    message = {"role": "user", "content": question}
    body = msgspec.json.encode({"model": local.models[0], "messages": [message], "max_tokens": 16})
    parts = urlsplit(local.origin)
    begun = monotonic()
    with closing(HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_PATIENCE_S)) as link:
        try:
            link.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            answer = link.getresponse()
            told = answer.read(_MAX_BYTES)
        except (OSError, HTTPException):
            return Asked(why="it did not answer a question")
    if answer.status != _OK:
        return Asked(why=f"it answered a question with status {answer.status}")
    try:
        text = msgspec.json.decode(told, type=_Completion).choices[0].message.content
    except (msgspec.DecodeError, IndexError):
        return Asked(why="its answer is not in the usual form")
    return Asked(text=text or "", took_s=monotonic() - begun, why="" if text else "its answer was empty")


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message


class _Completion(Struct):
    choices: tuple[_Choice, ...]


def _chain(plan: GatewayPlan, found: Sequence[Local]) -> Point:
    point = partial(Point, id="chain", title="The gateway's chains end at it")
    here = {known.spec.id for known in plan.known if _is_here(known)}
    if not plan.routes:
        if here:
            return point(works=True, says=f"the last to be asked: {', '.join(sorted(here))}")
        todo = "add it as an upstream" if found else "the gateway takes it by itself once one runs"
        return point(works=False, says="no upstream of the gateway is on this machine", todo=todo)
    lacks = [route.match for route in plan.routes if not here & {hop.partition("/")[0] for hop in route.chain}]
    if lacks:
        todo = "add it as an upstream and put it last in each [[gateway.routes]] chain"
        return point(works=False, says=f"routes without it: {', '.join(lacks)}", todo=todo)
    return point(works=True, says=f"every route has one of: {', '.join(sorted(here))}")


def _is_here(known: Known) -> bool:
    local = known.provider is not None and known.provider.is_local
    return local or is_loopback(urlsplit(known.spec.base_url).hostname or "")


def _prompts(kit: Index) -> Point:
    tasks = {task for row in kit.rows for task in row.tasks}
    return Point(
        id="kit",
        title="Prompts and templates",
        works=bool(kit.rows),
        says=f"{len(kit.rows)} in the kit, for {len(tasks)} tasks (`stillup kit list`)",
        todo="" if kit.rows else "stillup's own are missing: install it anew",
    )


def _own_prompts(kit: Index) -> Point:
    own = sum(row.is_own for row in kit.rows)
    return Point(
        id="own_prompts",
        title="Prompts of your own",
        works=own > 0,
        says=f"{own} in your folder" if own else "none yet",
        todo="" if own else "put those you use every week there: `stillup kit new NAME --paste`",
        needed=False,
    )


def _backups(toolkit: Toolkit, now: datetime) -> Point:
    """For the more usual day on which only one service is down."""
    point = partial(Point, id="backups", title="Backups for a single service", needed=False)
    if not toolkit.tasks:
        return point(works=False, says="none is chosen", todo="`stillup alternatives --task TASK --choose NAME,NAME`")
    last = [b.trial for backups in toolkit.tasks.values() for b in backups]
    is_fresh = all(trial is not None and now - trial.at < FRESH for trial in last)
    says = f"chosen for {', '.join(toolkit.tasks)}"
    if is_fresh:
        return point(works=True, says=f"{says}, tested in the last {FRESH.days} days")
    return point(works=False, says=f"{says}, not tested of late", todo="`stillup alternatives --test`")


def _practised(config: Config, now: datetime) -> Iterator[Point]:
    """Advice, unless no reminders are wanted."""
    try:
        stands = due(read(drills_folder(config), _NEWEST).drills, now, config.drill.remind_days)
    except StoreError as exc:
        yield Point(id="practice", title="Practice", works=False, says=str(exc), needed=False)
        return
    if stands.reason is not Reason.NEVER_WANTED:
        todo = "`stillup drill plan` proposes thirty minutes, `stillup drill run` plays them" if stands.is_due else ""
        says = words(stands, now)
        yield Point(id="practice", title="Practice", works=not stands.is_due, says=says, todo=todo, needed=False)


def _conversations(config: Config) -> Point:
    vault, journal = config.data_folder / "vault.db", config.data_folder / "journal"
    kept = [
        name
        for name, is_there in (("the vault", _has_bytes(vault)), ("the gateway's journal", _has_files(journal)))
        if is_there
    ]
    return Point(
        id="conversations",
        title="Earlier conversations",
        works=bool(kept),
        says=f"kept in {' and '.join(kept)}" if kept else "none is kept on this machine",
        todo="" if kept else "`stillup vault import FILE` takes Claude's and ChatGPT's exports",
    )


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _has_files(folder: Path) -> bool:
    try:
        with os.scandir(folder) as items:
            return any(items)
    except OSError:
        return False


def _reference(environ: Mapping[str, str]) -> Point:
    found = list(_references(Path(environ.get("HOME") or "/nonexistent")))
    return Point(
        id="reference",
        title="Something to look things up in",
        works=bool(found),
        says=", ".join(found) or "no manual pages and no documentation sets were found",
        todo="" if found else "manual pages (`man`), or documentation sets with Zeal or Dash",
        needed=False,
    )


def _references(home: Path) -> Iterator[str]:
    if shutil.which("man") and _has_files(Path("/usr/share/man/man1")):
        yield "manual pages (`man`)"
    for name, folder in (
        ("Zeal's documentation sets", home / ".local/share/Zeal/Zeal/docsets"),
        ("Dash's documentation sets", home / "Library/Application Support/Dash/DocSets"),
        ("tldr pages", home / ".cache/tldr"),
    ):
        if _has_files(folder):
            yield name
