"""The report of a drill: what was played, what came through with the backups and without, and exactly what is lost.

As Markdown, as a piece of HTML for a page, and as one HTML file that stands by itself. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.drill.paint import paint
from stillup.drill.plot import Point, scores, swim
from stillup.drill.score import Worth, losses, score_of, worth_of
from stillup.drill.values import Drill, Happened, Lane, Loss, Scene, Score, Step
from stillup.drill.words import SHAPES, WHERES, count, line, seconds, share, title

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_LOST, _MOST_TIMES, _MOST_LINES = 40, 4, 100
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!&~])")
_MARKS = {True: "✓", False: "✗", None: "?"}


class Came(Struct, frozen=True, kw_only=True):
    """How a lane came through: its score, what is lost, and what failed and is kept for later.

    ``more`` requests of both kinds are not listed.
    """

    name: str
    backed: bool
    score: Score
    lost: tuple[str, ...]
    kept: tuple[str, ...]
    more: int = 0


class Played(Struct, frozen=True, kw_only=True):
    """A scene as a report shows it."""

    title: str
    says: str
    injected: str
    lanes: tuple[Came, ...]
    scene: Scene
    happened: tuple[Happened, ...]
    silent: int
    """Steps of which nobody said whether they were done."""
    aborted: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost with the backups."""
        return all(came.score.errors == 0 for came in self.lanes if came.backed)


def played(scene: Scene) -> Played:
    """A scene put into words."""
    stood = seconds(max(0.0, scene.ends_s - scene.begins_s))
    hit = f" and hit {', '.join(line(h, 60) for h in scene.hit)}" if scene.hit else ""
    return Played(
        title=title(scene),
        says=f"The failure stood for {stood}{hit}.",
        injected=line(scene.injected, 400),
        lanes=tuple(_came(scene, lane) for lane in scene.lanes),
        scene=scene,
        happened=tuple(sorted(scene.happened, key=lambda h: h.at_s))[:_MOST_LINES],
        silent=sum(step.done is None for step in scene.steps),
        aborted=scene.aborted,
    )


def _came(scene: Scene, lane: Lane) -> Came:
    """The same loss is listed once, with all its times: a gateway says the same to each client that asks the same."""
    alike: dict[tuple[object, ...], list[Loss]] = {}
    for loss in losses(scene, lane):
        alike.setdefault((loss.put_off, loss.shape, loss.protocol, loss.says, loss.missing_chars), []).append(loss)
    shown = list(alike.values())[:_MOST_LOST]
    return Came(
        name=line(lane.name, 60),
        backed=lane.backed,
        score=score_of(scene, lane),
        lost=tuple(_loss(same) for same in shown if not same[0].put_off),
        kept=tuple(_loss(same) for same in shown if same[0].put_off),
        more=sum(map(len, list(alike.values())[_MOST_LOST:])),
    )


def _loss(same: Sequence[Loss]) -> str:
    loss = same[0]
    by = f" ({line(loss.protocol, 30)})" if loss.protocol else ""
    why = f": {line(loss.says)}" if loss.says else ""
    which = "each" if len(same) > 1 else "the"
    never = f"; {count(loss.missing_chars, 'character')} of {which} answer never came" if loss.missing_chars else ""
    times = list(dict.fromkeys(seconds(one.at_s) for one in same))
    more = f" and {len(times) - _MOST_TIMES} other times" if len(times) > _MOST_TIMES else ""
    often = f"{len(same)} times, " if len(same) > 1 else ""
    return f"{often}at {', '.join(times[:_MOST_TIMES])}{more}, {SHAPES[loss.shape]}{by}{why}{never}"


def facts(score: Score) -> Iterator[tuple[str, str]]:
    """A score, term by term, as pairs of a name and a value."""
    if not score.requests:
        yield "Continuity", "nothing was asked, so nothing is known"
        return
    yield "Continuity", share(score.continuity)
    yield "Errors seen", f"{score.errors} of {count(score.requests, 'request')}"
    yield "Without an answer", seconds(score.without_answer_s)
    yield "Characters that did not come", f"{score.lost_chars:,}"
    yield "First answer by another", f"after {seconds(score.switch_s)}" if score.switch_s is not None else "none came"
    yield "Kept for later", count(score.put_off, "request")
    if score.alerts is not None:
        yield "Alerts delivered", "{} of {}".format(*score.alerts) if score.alerts[1] else "none had to go out"
    if score.steps is not None:
        yield "Steps known done", "{} of {}".format(*score.steps)


def headline(worth: Worth, *, aborted: bool) -> str:
    """The finding in one sentence."""
    off = "Broken off; until then: " if aborted else ""
    if worth.backed is None:
        return "Broken off before anything was asked." if off else "Nothing was asked, so nothing is known."
    told = f"{share(worth.backed)} continuity with your backups"
    if worth.alone is not None:
        told += f", {share(worth.alone)} without"
    return f"{off}{told}."


def point_of(drill: Drill) -> Point:
    """A drill in the history of scores."""
    worth = worth_of(drill)
    says = f"{_when(drill.at)}: {headline(worth, aborted=drill.aborted)}"
    return Point(at=drill.at, says=says, backed=worth.backed, alone=worth.alone)


# -- as HTML ----------------------------------------------------------------------------------------------------------


def shown(drill: Drill) -> Markup:
    """The report as a piece of HTML, headings from ``h2`` on; each text of it is escaped."""
    worth = worth_of(drill)
    scenes = [played(scene) for scene in drill.scenes]
    return paint(
        "drill.html", drill=drill, worth=worth, headline=headline(worth, aborted=drill.aborted), scenes=scenes,
        pictures=[swim(scene) for scene in drill.scenes], where=WHERES[drill.where], when=_when(drill.at), facts=facts,
        marks=_MARKS,
    )  # fmt: skip


def page(drill: Drill, history: Sequence[Drill] = ()) -> str:
    """The report as one HTML file: no script, nothing that is loaded from elsewhere."""
    past = {old.id: old for old in (*history, drill)}
    picture = scores([point_of(old) for old in past.values() if not old.aborted]) if len(past) > 1 else ""
    return paint("report.html", body=shown(drill), drill=drill, when=_when(drill.at), history=picture) + "\n"


# -- as Markdown ------------------------------------------------------------------------------------------------------


def markdown(drill: Drill) -> str:
    """The report as Markdown."""
    return "\n".join(_lines(drill)) + "\n"


def _lines(drill: Drill) -> Iterator[str]:
    worth = worth_of(drill)
    yield f"# Drill of {_when(drill.at)}"
    yield ""
    yield f"**{_safe(headline(worth, aborted=drill.aborted))}** {_safe(worth.says)}."
    yield ""
    yield f"A drill, not an outage. {WHERES[drill.where]}."
    yield f"It took {seconds(drill.took_s)}, {count(len(drill.scenes), 'scene')}; id `{drill.id}`."
    if len(drill.scenes) > 1:
        yield ""
        yield from _overview(drill)
    for scene in drill.scenes:
        yield ""
        yield from _scene(played(scene))


def _overview(drill: Drill) -> Iterator[str]:
    yield "| scene | with backups | without | first answer by another |"
    yield "|---|---|---|---|"
    for scene in map(played, drill.scenes):
        backed = next((c.score for c in scene.lanes if c.backed), None)
        alone = next((c.score for c in scene.lanes if not c.backed), None)
        switch = seconds(backed.switch_s) if backed is not None and backed.switch_s is not None else "–"
        yield f"| {_safe(scene.title)} | {_share(backed)} | {_share(alone)} | {switch} |"


def _share(score: Score | None) -> str:
    return share(score.continuity) if score is not None and score.requests else "–"


def _scene(scene: Played) -> Iterator[str]:
    yield f"## {_safe(scene.title)}"
    yield ""
    yield _safe(" ".join(filter(None, (scene.says, scene.injected, "It was broken off." if scene.aborted else ""))))
    if scene.lanes:
        yield ""
        yield f"| | {' | '.join(_safe(c.name) for c in scene.lanes)} |"
        yield "|---" * (len(scene.lanes) + 1) + "|"
        columns = [dict(facts(c.score)) for c in scene.lanes]
        for name in dict.fromkeys(name for column in columns for name in column):
            yield f"| {name} | {' | '.join(column.get(name, '–') for column in columns)} |"
    for came in scene.lanes:
        for head, rows in (("Exactly what is lost", came.lost), ("Kept, and asked again later", came.kept)):
            if rows:
                yield from ("", f"{head}, {_safe(came.name)}:", "")
                yield from (f"- {_safe(words)}" for words in rows)
        if came.more:
            yield f"- and {came.more} more"
    yield from _told(scene)


def _told(scene: Played) -> Iterator[str]:
    if scene.scene.alerts is not None:
        yield from ("", "Alerts:" if scene.scene.alerts else "Alerts: none had to go out.", "")
        for alert in scene.scene.alerts:
            arrived = f"arrived at {seconds(alert.at_s)}" if alert.at_s is not None else "did not arrive"
            told = _safe(f"{line(alert.channel, 60)} {arrived}: {line(alert.says)}")
            yield f"- {_MARKS[alert.at_s is not None]} {told}"
    if scene.scene.steps:
        yield from ("", "Steps:", "")
        yield from (f"- {_MARKS[step.done]} {_step(step)}" for step in scene.scene.steps)
    if scene.happened:
        yield from ("", "What happened:", "")
        yield from (f"- {seconds(h.at_s)}: {_safe(line(h.says))}" for h in scene.happened)


def _step(step: Step) -> str:
    told = [_safe(line(step.says, 300))]
    told += ["by hand"] if step.by_hand else []
    told += ["nobody has said whether it was done"] if step.done is None else []
    told += [_safe(line(step.note))] if step.note else []
    return "; ".join(told)


def _safe(text: str) -> str:
    """Words in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", text)


def _when(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC"
