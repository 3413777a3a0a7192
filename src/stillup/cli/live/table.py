"""The live table of ``stillup top`` as text: a line a service, for whatever size the terminal has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct
from rich.text import Text

from stillup.catalog.load import Service, capabilities
from stillup.catalog.offers import ability
from stillup.cli.answer.glance import LAYERS, SIDES, Glance, glance, onset, rank, shortened
from stillup.cli.common import span
from stillup.cli.terminal.columns import Cell, Column, cut, lines
from stillup.cli.terminal.sparkline import bars
from stillup.daemon.recent import WINDOW_S, Recent
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Capability
from stillup.model.verdict import Verdict

_NARROW, _SMALL, _MIDDLE, _WIDE, _BROAD = 60, 78, 90, 120, 150
_FULL = 8.0
"""So many reports at least make a full bar: one alone is no mountain."""


class Sort(StrEnum):
    """In which order the services stand."""

    WORST = "worst first"
    NAME = "by name"
    REPORTS = "most reports"
    FAILING = "most failing"
    SLOW = "slowest"

    def next(self) -> Sort:
        """The one after it."""
        every = list(Sort)
        return every[(every.index(self) + 1) % len(every)]


class Seen(Struct, frozen=True, kw_only=True):
    """What is known of one service at the moment of drawing."""

    service: Service
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    recent: Recent
    is_judged: bool = True
    """False while nothing has been judged yet: that is not the same as unknown."""

    @property
    def line(self) -> Glance:
        """Its verdict in words."""
        return glance(self.service, self.verdict, self.evidence)


class View(Struct, frozen=True, kw_only=True):
    """How the table is shown."""

    sort: Sort = Sort.WORST
    task: Capability | None = None
    note: str = ""
    """What is said beside the title: that the first judgement is still to come."""
    keys: bool = True


def render(seen: Sequence[Seen], now: datetime, view: View, width: int, height: int) -> Text:
    """All of it, no line wider and no more lines than the terminal has."""
    able = [s for s in seen if view.task is None or ability(s.service, view.task) is not None]
    rows = in_order(able, view, now)
    table = lines(_Table(rows, now, width).columns(), width)
    room = max(1, height - 5)
    shown, cut_off = table[: room + 1], len(table) - 1 - room
    foot = [_more(cut_off, width)] if cut_off > 0 else []
    if foot:
        shown = shown[:-1]
    text = Text("\n", no_wrap=True, overflow="ellipsis", end="").join(
        [_title(len(rows), now, view, width), Text(""), *shown, *foot, Text(""), _legend(view, width)]
    )
    text.no_wrap = True
    return text


def in_order(seen: Sequence[Seen], view: View, now: datetime) -> list[Seen]:
    """The services in the order of the view; what is not known comes last."""
    by: Mapping[Sort, Callable[[Seen], tuple[object, ...]]] = {
        Sort.WORST: lambda s: rank(s.verdict),
        Sort.NAME: lambda _: (),
        Sort.REPORTS: lambda s: (-(newest(s.recent.counts(now, 4)) or -1.0),),
        Sort.FAILING: lambda s: (-(v if (v := newest(s.recent.failing(now, 4))) is not None else -1.0),),
        Sort.SLOW: lambda s: (-(at.ms if (at := s.recent.latency()) else -1.0),),
    }
    return sorted(seen, key=lambda s: (*by[view.sort](s), s.service.name.lower()))


def newest(values: Sequence[float | None]) -> float | None:
    """The last that is known."""
    return next((v for v in reversed(values) if v is not None), None)


class _Table:
    """The columns of some rows, as wide as there is room for."""

    def __init__(self, rows: Sequence[Seen], now: datetime, width: int) -> None:
        self._rows = [(s, s.line) for s in rows]
        self._now = now
        self._width = width
        self._windows = 8 if width < _NARROW else 24 if width >= _BROAD else 12

    def columns(self) -> list[Column]:
        """What there is room for, in the order of reading; the least needed goes first."""
        width, now = self._width, self._now
        name_room = 24 if width >= _WIDE else 12
        wanted = [
            (0, [self._column("", lambda s, g: g.mark if s.is_judged else "…", lambda g: g.style)]),
            (
                0,
                [self._column("Service", lambda _, g: cut(g.name, name_room), lambda g: g.name_style)],
            ),
            (0, [self._column("State", _state, lambda g: g.style)]),
            (_NARROW, [self._column("Since", lambda _, g: onset(g.since, now, short=True))]),
            (0, self._reports()),
            (_SMALL, self._failing(drawn=width >= _MIDDLE)),
            (_SMALL, [self._column("In alarm" if width >= _WIDE else "Alarm", self._alarms, soft=True)]),
            (_BROAD, [self._column("Broken", lambda _, g: g.broken, soft=True)]),
            (_MIDDLE, [self._column("Answers in", lambda s, _: _latency(s.recent))]),
            (_SMALL, [self._column("Heard", lambda s, _: _heard(s.recent, now, short=width < _MIDDLE))]),
        ]
        return [column for least, columns in wanted if width >= least for column in columns]

    def _reports(self) -> list[Column]:
        def counts(seen: Seen) -> list[float | None]:
            return seen.recent.counts(self._now, self._windows)

        return [
            self._column(f"Reports {self._hours}", lambda s, _: _drawn(counts(s), _FULL), lambda _: "cyan"),
            self._column("", lambda s, _: _number(newest(counts(s))), right=True),
        ]

    def _failing(self, *, drawn: bool) -> list[Column]:
        def shares(seen: Seen) -> list[float | None]:
            return seen.recent.failing(self._now, self._windows)

        number = self._column("" if drawn else "Fail", lambda s, _: _share(newest(shares(s))), right=True)
        if not drawn:
            return [number]
        return [
            self._column(f"Failing {self._hours}", lambda s, _: _drawn(shares(s), 1.0), lambda _: "magenta"),
            number,
        ]

    def _alarms(self, seen: Seen, _line: Glance) -> str:
        """The sides in alarm, by name or, where there is no room, as a part of those heard."""
        alarmed = [SIDES[e.family] for e in seen.evidence if e.standing is Standing.ALARM]
        heard = sum(e.standing is not Standing.NO_DATA for e in seen.evidence)
        return ", ".join(alarmed) if self._width >= _WIDE or not alarmed else f"{len(alarmed)} of {heard}"

    @property
    def _hours(self) -> str:
        return f"{self._windows * WINDOW_S // 3600} h"

    def _column(
        self,
        title: str,
        say: Callable[[Seen, Glance], str],
        style: Callable[[Glance], str] = lambda _: "",
        *,
        soft: bool = False,
        right: bool = False,
    ) -> Column:
        cells = tuple(Cell(say(s, g), style(g)) for s, g in self._rows)
        return Column(title=title, cells=cells, shrinks=soft, most=self._width, right=right)


def _drawn(values: Sequence[float | None], full: float) -> str:
    known = [v for v in values if v is not None]
    return bars(values, max([full, *known])) if known else ""


def _state(seen: Seen, line: Glance) -> str:
    return shortened(line.state) if seen.is_judged else "reading"


def _number(count: float | None) -> str:
    return "" if count is None else f"{count:.0f}"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _latency(recent: Recent) -> str:
    newest_ = recent.latency()
    return "" if newest_ is None else f"{newest_.ms:.0f} ms ({LAYERS[newest_.layer]})"


def _heard(recent: Recent, now: datetime, *, short: bool) -> str:
    at = recent.heard_at()
    if at is None:
        return "not yet"
    age = span(max(0.0, (now - at).total_seconds()))
    well = sum(h.ok for h in recent.sources.values())
    return age if short or well == len(recent.sources) else f"{age} ({well} of {len(recent.sources)})"


def _title(number: int, now: datetime, view: View, width: int) -> Text:
    task = capabilities()[view.task].title.lower() if view.task else ""
    parts = [f"{number} service{'s' if number != 1 else ''}", f"{now.astimezone(UTC):%H:%M:%S} UTC", view.sort.value]
    parts += [f"for {task}"] * bool(task) + [view.note] * bool(view.note)
    text = Text("stillup top", style="bold").append(" · " + " · ".join(parts), style="not bold")
    text.truncate(width, overflow="ellipsis")
    return text


def _more(number: int, width: int) -> Text:
    text = Text(f"… and {number + 1} more: a taller window shows them", style="dim")
    text.truncate(width, overflow="ellipsis")
    return text


def _legend(view: View, width: int) -> Text:
    said = "q quit · s sort · t task · " if view.keys else ""
    said += "? suspected · a bar is 15 min, the last one still open; a gap: not heard"
    if width >= _WIDE:
        said += " · numbers: the newest bar · heard: (sources that answer)"
    text = Text(said, style="dim")
    text.truncate(width, overflow="ellipsis")
    return text
