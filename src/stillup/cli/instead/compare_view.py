"""A comparison as a table, or below each other where there is no room, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stillup.catalog.load import catalogue
from stillup.catalog.models import Model
from stillup.cli.answer.glance import LAYERS, Glance, glance, onset, worst_code
from stillup.cli.answer.yours import own_words
from stillup.cli.common import exit_code, indented, pretty, span
from stillup.daemon.compared import HISTORY, Compared, shared
from stillup.model.service import Capability
from stillup.model.verdict import iso

_LABEL, _COLUMN = 13, 20
UNKNOWN = "unknown"

_Say = Callable[[Compared], list[str]]


def render(compared: Sequence[Compared], task: Capability | None, width: int) -> Group:
    """All of it for so many columns."""
    rows = _rows(task)
    side_by_side = _LABEL + len(compared) * (_COLUMN + 2) <= width
    body = _table(compared, rows, width) if side_by_side else _stacked(compared, rows)
    notes: list[RenderableType] = [indented(Text(words)) for words in _notes(compared)]
    if notes:
        body += ["", Text("Together", style="bold"), *notes]
    return Group(*body, "", _foot(compared))


def _rows(task: Capability | None) -> list[tuple[str, _Say]]:
    return [
        ("Now", _now),
        ("Answers in", _speed),
        ("Its page", _page),
        ("Models", _prices),
        ("Can do", lambda c: _abilities(c, task)),
        ("Stands on", _bases),
        ("Promises", _promises),
        (f"{HISTORY.days} days", _past),
    ]


def _line(one: Compared) -> Glance:
    return glance(one.service, one.answer.verdict, one.answer.evidence, own_words(one.answer))


def _table(compared: Sequence[Compared], rows: Sequence[tuple[str, _Say]], width: int) -> list[RenderableType]:
    each = min(44, (width - _LABEL) // len(compared) - 2)
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 1, 0))
    table.add_column(width=_LABEL - 2, style="dim")
    for _ in compared:
        table.add_column(width=each, overflow="fold")
    table.add_row("", *(_head(c) for c in compared))
    for title, say in rows:
        table.add_row(title, *(_cell(title, say(c), c) for c in compared))
    return [table]


def _stacked(compared: Sequence[Compared], rows: Sequence[tuple[str, _Say]]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for one in compared:
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for title, say in rows:
            table.add_row(title, _cell(title, say(one), one))
        parts += [*([""] if parts else []), _head(one), table]
    return parts


def _head(one: Compared) -> Text:
    line = _line(one)
    return Text(f"{line.mark} {line.name}", style=f"bold {line.style}")


def _cell(title: str, words: Sequence[str], one: Compared) -> Text:
    text = Text("\n").join(Text(word, style="dim" if word == UNKNOWN else "") for word in words)
    if title == "Now":
        text.stylize(_line(one).style, 0, len(words[0]))
    return text


# -- one row each -----------------------------------------------------------------------------------------------------


def _now(one: Compared) -> list[str]:
    line = _line(one)
    since = [f"since {onset(line.since, one.answer.at, short=False)}"] if line.since else []
    return [line.state, *since, *([line.broken] if line.broken else []), *([line.sides] if line.sides else [])]


def _speed(one: Compared) -> list[str]:
    said = []
    for rung in one.rungs:
        if rung.ms is None and not rung.error:
            continue
        name = LAYERS.get(rung.layer, rung.layer.value)
        fails = f"fails: {rung.error.replace('_', ' ')}" if rung.error else ""
        took = f"{rung.ms:.0f} ms" if rung.ms is not None else ""
        said.append(
            f"{name} {took}, other tries {fails.replace('fails', 'fail', 1)}"
            if took and fails
            else f"{name} {took or fails}"
        )
    return said or [UNKNOWN]


def _page(one: Compared) -> list[str]:
    if one.lag is None:
        return ["has none that is read"]
    if not one.lag.measured:
        return [f"usually {span(one.lag.seconds)} behind", "(pages of its kind; not measured here)"]
    place = "behind" if one.lag.seconds >= 0 else "ahead of the others"
    return [f"{span(abs(one.lag.seconds))} {place}", f"(middle of {one.lag.measured} incidents here)"]


def _prices(one: Compared) -> list[str]:
    return [_price(model) for model in one.models] or [UNKNOWN]


def _price(model: Model) -> str:
    cost = f"${model.price.input:g} / ${model.price.output:g}" if model.price else UNKNOWN
    return f"{model.tier.value}: {model.name}, {cost}"


def _abilities(one: Compared, task: Capability | None) -> list[str]:
    if task is None:
        free = [a.capability.value for a in one.abilities if a.free]
        paid = [a.capability.value for a in one.abilities if not a.free]
        said = [f"free tier: {', '.join(free)}"] * bool(free) + [f"paid: {', '.join(paid)}"] * bool(paid)
        return said or ["nothing another could do"]
    how = next(a for a in one.abilities if a.capability is task)
    return [f"{task.value}: {'free tier' if how.free else 'paid'}", how.advantage, how.access, how.link]


def _bases(one: Compared) -> list[str]:
    known = catalogue()
    named = (known[d.service].name if d.service in known else d.service for d in one.dependencies)
    return [f"{n} ({d.confidence:.0%} sure)" for n, d in zip(named, one.dependencies, strict=True)] or ["none known"]


def _promises(one: Compared) -> list[str]:
    names = {c.id: c.name for c in one.service.components}
    said = []
    for promise in one.promises:
        part = f"{names.get(promise.component, promise.component)}: " if promise.component else ""
        much = "none" if promise.uptime is None else f"{promise.uptime * 100:.6g} % a {promise.period}"
        said.append(f"{part}{much} ({promise.plan})")
    return said or [UNKNOWN]


def _past(one: Compared) -> list[str]:
    past = one.past
    if past is None:
        return [UNKNOWN]
    begun = f"(record here begins {past.since:%d %b})" if past.since > one.answer.at - HISTORY else ""
    maybe = f", {past.suspected} only suspected" if past.suspected else ""
    if not past.incidents:
        return [f"no outage seen{maybe}", *([begun] if begun else [])]
    number = f"{past.incidents} incident{'s' if past.incidents != 1 else ''}{maybe}"
    return [number, f"{span(past.down_s)} in all, longest {span(past.longest_s)}", *([begun] if begun else [])]


def _notes(compared: Sequence[Compared]) -> Iterator[str]:
    known = catalogue()
    named = {c.service.id: c.service.name for c in compared}
    for base, those in shared(compared):
        name = known[base].name if base in known else base
        who = " and ".join(named[s] for s, _ in those)
        sure = " and ".join(f"{sure:.0%}" for _, sure in those)
        verb = "stands" if len(those) == 1 else "both stand" if len(those) == 2 else "stand"
        both = "it" if len(those) == 1 else "they"
        yield f"{who} {verb} on {name} ({sure} sure): when that fails, {both} may fail with it."


def _foot(compared: Sequence[Compared]) -> Text:
    at: datetime = compared[0].answer.at.astimezone(UTC)
    said = f"As of {at:%H:%M} UTC. Prices: US dollars for a million tokens in / out at standard rates"
    dates = {m.as_of for c in compared for m in c.models if m.price}
    said += f", read {min(dates)} or later." if dates else "."
    said += f" {HISTORY.days} days: as far as the record here goes. Unknown: nobody here has seen it or been told."
    return Text(said, style="dim")


# -- for programs -----------------------------------------------------------------------------------------------------


def as_json(compared: Sequence[Compared]) -> str:
    """One JSON object; what is not known is null or empty."""
    whole = {
        "at": iso(compared[0].answer.at),
        "exit_code": code_of(compared),
        "services": {c.service.id: _object(c) for c in compared},
        "shared": [{"service": base, "by": dict(those)} for base, those in shared(compared)],
    }
    return pretty(whole)


def code_of(compared: Sequence[Compared]) -> int:
    """The exit code: the worst of them."""
    return worst_code([exit_code(c.answer.verdict) for c in compared])


def _object(one: Compared) -> dict[str, object]:
    return {
        "verdict": one.answer.verdict.wire(),
        "latency_ms": {r.layer.value: r.ms for r in one.rungs},
        "errors": {r.layer.value: r.error for r in one.rungs if r.error},
        "page_lag_s": one.lag and one.lag.seconds,
        "page_lag_incidents": one.lag.measured if one.lag else 0,
        "models": [
            {"id": m.id, "tier": m.tier, "price_usd_per_million": m.price, "as_of": m.as_of, "source": m.source}
            for m in one.models
        ],
        "abilities": one.abilities,
        "dependencies": one.dependencies,
        "promises": one.promises,
        "past": one.past,
    }
