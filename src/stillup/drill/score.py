"""How well a lane came through, and exactly what was lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from stillup.drill.values import Asked, Drill, Lane, Loss, Scene, Score, Where
from stillup.risk.stretches import tidy

PUT_UP_WITH_S = 10.0
"""A silence longer than this counts as nobody answering: people's attention is lost by then (Nielsen 1993, ch. 5)."""


class Worth(Struct, frozen=True, kw_only=True):
    """A drill in one figure each: with the backups, and without them where that was played too.

    ``backed`` is None where nothing was asked, which is no 100 %. ``asked`` is how many requests the figure is made of.
    """

    backed: float | None
    alone: float | None
    asked: int
    says: str

    @property
    def is_whole(self) -> bool:
        """Nothing was lost with the backups, and something was asked at all."""
        return self.backed == 1.0


def score_of(scene: Scene, lane: Lane) -> Score:
    """The score of one lane of a scene; alerts and steps are the scene's, the same for each lane."""
    asked = met(scene, lane)
    whole = sum(each.ok for each in asked)
    alerts = scene.alerts
    return Score(
        continuity=whole / len(asked) if asked else 0.0,
        requests=len(asked),
        errors=len(asked) - whole,
        lost_chars=sum(_missing(each) for each in asked if not each.ok),
        without_answer_s=sum(end - start for start, end in tidy(_gaps(asked))),
        switch_s=_switched(scene, asked),
        put_off=sum(each.put_off for each in asked),
        alerts=None if alerts is None else (sum(a.at_s is not None for a in alerts), len(alerts)),
        steps=(sum(step.done is True for step in scene.steps), len(scene.steps)) if scene.steps else None,
    )


def met(scene: Scene, lane: Lane) -> tuple[Asked, ...]:
    """The requests that were under way while the failure stood; how the others went says nothing of it."""
    return tuple(each for each in lane.asked if each.done_s > scene.begins_s and each.at_s <= scene.ends_s)


def losses(scene: Scene, lane: Lane) -> tuple[Loss, ...]:
    """What each failed request of a lane came to, in order of time."""
    failed = sorted((each for each in met(scene, lane) if not each.ok), key=lambda each: each.at_s)
    return tuple(
        Loss(
            at_s=each.at_s,
            shape=each.shape,
            protocol=each.protocol,
            says=each.says,
            missing_chars=_missing(each),
            put_off=each.put_off,
        )
        for each in failed
    )


def worth_of(drill: Drill) -> Worth:
    """The share of the requests that met a failure and ended whole and right, every request counting the same."""
    lanes = [(lane.backed, met(scene, lane)) for scene in drill.scenes for lane in scene.lanes]
    backed, count = _share(each for is_backed, asked in lanes if is_backed for each in asked)
    alone, _ = _share(each for is_backed, asked in lanes if not is_backed for each in asked)
    return Worth(backed=backed, alone=alone, asked=count, says=_in_words(drill, backed, count))


def _in_words(drill: Drill, backed: float | None, count: int) -> str:
    if backed is None:
        return "nobody asked anything while the failure stood: that says nothing about what would come through"
    whole = round(backed * count)
    what = "request" if count == 1 else "requests"
    how = f"{whole} of {count} {what} ended with the whole answer and without an error"
    if drill.where is Where.MIRROR:
        return f"{how}; scripted requests to scripted providers over your own routes"
    return f"{how}; your own requests, whose answers were checked for their end, not for their words"


def _share(those: Iterable[Asked]) -> tuple[float | None, int]:
    asked = tuple(those)
    return (sum(each.ok for each in asked) / len(asked) if asked else None), len(asked)


def _missing(asked: Asked) -> int:
    return max(0, asked.wanted_chars - asked.got_chars)


def _gaps(asked: tuple[Asked, ...]) -> Iterator[tuple[float, float]]:
    """From each request that failed, or was silent for too long, to the next sign of an answer to anybody."""
    signs = sorted(each.first_s if each.first_s is not None else each.done_s for each in asked if each.ok)
    last = max((each.done_s for each in asked), default=0.0)
    for each in asked:
        if not each.ok:
            yield each.at_s, max(each.done_s, next((s for s in signs if s >= each.done_s), last))
        elif each.silence_s > PUT_UP_WITH_S:
            until = each.first_s if each.first_s is not None else each.done_s
            begins = each.at_s if until - each.at_s >= each.silence_s else each.done_s - each.silence_s
            yield max(each.at_s, begins), max(each.at_s, begins) + each.silence_s


def _switched(scene: Scene, asked: tuple[Asked, ...]) -> float | None:
    """From the failure's beginning to the first answer by somebody who did not fail."""
    ended = [
        (each.done_s if each.continued or each.first_s is None else each.first_s)
        for each in asked
        if each.ok and each.upstream and each.upstream not in scene.hit
    ]
    later = [at for at in ended if at >= scene.begins_s]
    return min(later) - scene.begins_s if later else None
