"""One reading in a sentence for a person. Only words and numbers of ours: nothing a server sent is in it."""

from __future__ import annotations

from collections.abc import Sequence

from stillup.sources.ladder.controls import Answered, Checked
from stillup.sources.ladder.faults import OURS, Stage
from stillup.sources.ladder.ground import Ground
from stillup.sources.ladder.plan import Skipped
from stillup.sources.ladder.report import Rung
from stillup.sources.ladder.result import Climb

_UNFIT = {
    Ground.OFFLINE: "this machine is offline",
    Ground.PORTAL: "a captive portal answers in place of the internet",
    Ground.BROKEN: "this network is in trouble",
    Ground.BLOCKED: "this network lets only some hosts through",
}
_STAGES = {Stage.DNS: "DNS", Stage.PROXY: "proxy", Stage.TCP: "TCP", Stage.TLS: "TLS"}


def say(
    ground: Ground,
    controls: Sequence[Checked],
    rungs: Sequence[Rung],
    skipped: Sequence[Skipped],
    deadline_s: float,
) -> str:
    """The whole sentence: the ground first, then the way up, each rung, and what was left out."""
    if ground is Ground.OFFLINE:
        return _ground_words(ground, controls)
    climbs = [climb for rung in rungs for climb in rung.climbs]
    parts = [
        _ground_words(ground, controls),
        ", ".join([*_way(climbs), *(_rung_words(rung) for rung in rungs if rung.climbs)]),
        *dict.fromkeys(note for climb in climbs for note in climb.notes),
        say_skipped(skipped),
        _unfinished([rung.step.title for rung in rungs if not rung.climbs], deadline_s),
    ]
    return "; ".join(part for part in parts if part)


def say_skipped(skipped: Sequence[Skipped]) -> str:
    """What was not tried, and why not."""
    return "; ".join(f"{left.title} not tried ({left.why})" for left in skipped)


def _ground_words(ground: Ground, controls: Sequence[Checked]) -> str:
    bad = [c for c in controls if c.answered is not Answered.WELL]
    if not bad:
        return ""
    seen = f"{len(bad)} of {len(controls)} control hosts fail: {bad[0].errors[-1]}"
    if ground in _UNFIT:
        return f"{_UNFIT[ground]} ({seen}): nothing it breaks is held against the service"
    return seen


def _way(climbs: Sequence[Climb]) -> list[str]:
    """The stages of the climb that came furthest first."""
    best = max(climbs, key=lambda c: len(c.marks), default=None)
    if best is None:
        return []
    return [f"{_STAGES[mark.stage]} {mark.ms:.0f} ms" for mark in best.marks if mark.stage in _STAGES]


def _rung_words(rung: Rung) -> str:
    """The last try speaks, unless another one worked."""
    pairs = list(zip(rung.climbs, rung.findings, strict=True))
    climb, finding = next(((c, f) for c, f in pairs if f.facts[-1].is_ok), pairs[-1])
    step, tries = rung.step, f" ({len(pairs)} tries)" if len(pairs) > 1 else ""
    fact, reply = finding.facts[-1], climb.reply
    if fact.error in OURS:
        return f"{step.title} not judged: {fact.error.replace('_', ' ')}, your own"
    if not fact.is_ok:
        status = f" {reply.status}" if reply else ""
        return f"{step.title}{status} fails: {fact.error}{tries}"
    if reply is None:
        return f"{step.title} up{tries}"
    took = "in" if reply.first_token_ms is None else "first token in"
    remark = f" ({finding.remark})" if finding.remark else " (up)" if reply.status >= 400 else ""
    return f"{step.title} {reply.status} {took} {fact.latency_ms or 0.0:.0f} ms{remark}{tries}"


def _unfinished(titles: Sequence[str], deadline_s: float) -> str:
    return f"not finished in {deadline_s:g} s: {', '.join(titles)}" if titles else ""
