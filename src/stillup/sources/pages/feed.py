"""Pages that are read from a feed: incidents with their updates as HTML, and neither components nor their states.

What an incident is about is taken from what the feed lists, else guessed from the words of its title. A recent entry
that does not say where it stands is another platform's feed or a changed format, never calm. A quiet feed is alive and
says that nothing is open, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import Malformed
from stillup.model.service import Stage, State, worst
from stillup.model.signal import Alive, Declared
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import clean
from stillup.sources.pages.feed_entry import Entry, Part, entries_of
from stillup.sources.pages.incident import newest
from stillup.sources.pages.words import Names, is_beside, names_service

if TYPE_CHECKING:
    from stillup.sources.text import TitleFacts

FRESH = timedelta(hours=24)
"""An unresolved entry counts as open for so long after its last update; pages forget to close some."""
FORGET = timedelta(days=3)
"""For so long an entry that is no longer open is named as closed, so that whoever heard of it hears its end."""
_MOST_ENTRIES, _MOST_LINKS = 100, 5
_DOING_WORK = (Stage.IN_PROGRESS, Stage.VERIFYING)


class Dialect(Struct, frozen=True, kw_only=True):
    """What is peculiar to one feed.

    ``title`` is what its own title must hold. ``is_over`` tells from an entry's title whether it is over, where entries
    have no other word for it and are open otherwise. ``region`` finds the one place an entry is about.
    """

    root: str = "feed"
    title: str = ""
    is_over: Callable[[str], bool] | None = None
    region: Callable[[Entry], str | None] | None = None


def read_feed(source: str, body: bytes, ctx: Context, dialect: Dialect | None = None) -> Reading:
    """What the feed declares now.

    :raises Malformed: not such a feed, or a recent entry does not say where it stands.
    """
    dialect = dialect or Dialect()
    title, found = entries_of(body, dialect.root)
    if dialect.title.lower() not in title.lower():
        msg = "it is a feed, and another page's"
        raise Malformed(msg)
    entries = [_judged(e, dialect) for e in found[:_MOST_ENTRIES]]
    _check(entries, ctx.now)
    if ctx.hint(source).component:
        entries = [e for e in entries if _is_named(e, ctx)]
    entries = [e for e in entries if not (is_open(e, ctx.now) and _is_beside(e, ctx))]
    open_ones = [e for e in entries if is_open(e, ctx.now)]
    alive = Alive(at=ctx.now, service=ctx.service.id, source=source)
    told = (line for e in entries for line in _declared(source, e, ctx, dialect))
    lines = chain(_in_general(source, ctx), told)
    links = tuple(Link(e.link, clean(e.title, 120)) for e in open_ones if e.link)[:_MOST_LINKS]
    return Reading(signals=(*newest((), lines), alive), says=_says(open_ones), links=links)


def _in_general(source: str, ctx: Context) -> Iterator[Declared]:
    """A feed has no word on how anything is in general; that there is none ends what it no longer mentions."""
    for component in (None, *(c.id for c in ctx.service.components)):
        yield Declared(at=ctx.now, service=ctx.service.id, source=source, state=State.UNKNOWN, component=component)


def _judged(entry: Entry, dialect: Dialect) -> Entry:
    if entry.is_over is None and dialect.is_over is not None:
        is_over = dialect.is_over(entry.title)
        return replace(entry, is_over=is_over, stage=Stage.RESOLVED if is_over else None)
    return entry


def _check(entries: list[Entry], now: datetime) -> None:
    if any(e.is_over is None and _age(e, now) < FRESH for e in entries):
        msg = "a recent entry of the feed does not say at what stage its incident is"
        raise Malformed(msg)
    if entries and not any(e.is_over is not None and e.updated for e in entries):
        msg = "no entry of the feed says when it was updated and at what stage its incident is"
        raise Malformed(msg)


def _age(entry: Entry, now: datetime) -> timedelta:
    """Since its last update; nothing for one from the future, for ever for one without a time."""
    return max(timedelta(0), now - entry.updated) if entry.updated else timedelta.max


def is_open(entry: Entry, now: datetime) -> bool:
    """Not over, not only planned, and touched of late."""
    return entry.is_over is False and entry.stage is not Stage.SCHEDULED and _age(entry, now) < FRESH


def _declared(source: str, entry: Entry, ctx: Context, dialect: Dialect) -> Iterator[Declared]:
    """An open entry as a fault, one that ended of late as ended, one left open too long or undated as unknown."""
    is_old = _age(entry, ctx.now) >= FORGET and (entry.updated is not None or entry.is_over)
    if is_old or entry.is_over is None or entry.stage is Stage.SCHEDULED or not entry.id:
        return
    # Of the whole service, for the end of an incident of the whole ends it for every component.
    states: dict[str | None, State] = {None: State.OPERATIONAL}
    models: tuple[str, ...] = ()
    if not entry.is_over:
        states, models = _facts(entry, ctx)
    body = entry.body or None  # on the first line alone, see the incidents'
    region = dialect.region(entry) if dialect.region is not None else entry.region
    for component, state in states.items():
        for model in models or (None,):
            yield Declared(
                at=ctx.now,
                service=ctx.service.id,
                source=source,
                state=state,
                component=component,
                stage=entry.stage,
                incident=entry.id,
                title=entry.title or None,
                body=body,
                region=region,
                model=model,
            )
            body = None


def _facts(entry: Entry, ctx: Context) -> tuple[dict[str | None, State], tuple[str, ...]]:
    """Which components an entry is about and how they are, and the models it names."""
    facts = _title_facts(entry.title, ctx)
    parts = list(_parts(entry.parts, ctx))
    if not is_open(entry, ctx.now):
        state = State.UNKNOWN
    elif entry.stage in _DOING_WORK:
        state = State.MAINTENANCE
    else:
        state = next((s for s in (entry.state, facts.state) if s and (s.is_fault or s is State.MAINTENANCE)), _MILD)
    if state is State.UNKNOWN:
        parts = [(component, None) for component, _ in parts]
    found: dict[str | None, State] = {}
    for component, told in parts:
        found[component] = worst((found.get(component, State.UNKNOWN), told or state))
    if found:
        return found, facts.models
    # One part that we have no name for is not the whole.
    guessed = State.PARTIAL_OUTAGE if entry.parts and state is State.MAJOR_OUTAGE else state
    return dict.fromkeys(facts.components or (None,), guessed), facts.models


_MILD = State.DEGRADED


def _parts(parts: Iterable[Part], ctx: Context) -> Iterator[tuple[str, State | None]]:
    """Our components among those named, with the state told of each; none that is listed as working."""
    names, by_name = Names(ctx.service), _exact(ctx)
    for part in parts:
        if part.state is State.OPERATIONAL:
            continue
        known = (part.id and names.known(part.id, "")) or names.known(part.name, "") or by_name.get(part.name.lower())
        known = known or next(iter(_title_facts(part.name, ctx).components), None) or names.known("", part.name)
        if known:
            yield known, part.state


def _exact(ctx: Context) -> dict[str, str]:
    """Components by their names as they are: "Grok (Web)" and "Grok (iOS)" differ in brackets alone."""
    return {n.lower(): c.id for c in ctx.service.components for n in (*c.aliases, c.name)}


def _title_facts(title: str, ctx: Context) -> TitleFacts:
    from stillup.sources.text import title_facts

    # Of the title alone: texts also name what is not affected.
    return title_facts(title, "", ctx.service)


def _is_named(entry: Entry, ctx: Context) -> bool:
    """Whether an entry of a page shared by several services is about this one."""
    text = f"{entry.title} {entry.body} {' '.join(p.name for p in entry.parts)}"
    return names_service(text, ctx.service)


def _is_beside(entry: Entry, ctx: Context) -> bool:
    return is_beside(entry.title) and not entry.parts and not _title_facts(entry.title, ctx).components


def _says(entries: list[Entry]) -> str:
    if not entries:
        return "page: nothing open in its feed"
    last = max(entries, key=lambda e: e.updated.timestamp() if e.updated else 0.0)
    many = "incident" if len(entries) == 1 else "incidents"
    stage = last.stage.value.replace("_", " ") if last.stage else "open"
    return f"page: {len(entries)} {many} open ({stage}): {clean(last.title, 80)}"
