"""What works and what does not, by the tries of late."""

from __future__ import annotations

from collections.abc import Sequence

from stillup.model.service import Layer
from stillup.verdict.outcomes.stream import OutcomeStream

_RECENT_S = 15 * 60


def models_that_work(tries: Sequence[OutcomeStream], now_s: float) -> tuple[str, ...]:
    """The models that were tried well of late, of which no try is in alarm."""
    of_models = [t for t in tries if t.key.model]
    fail = {t.key.model for t in of_models if t.alarm_since_s is not None}
    return tuple(sorted({t.key.model for t in of_models if t.works and now_s - t.last_s <= _RECENT_S} - fail))


def models_tried(tries: Sequence[OutcomeStream]) -> tuple[str, ...]:
    """The models that are tried, where there are several: when all of them fail it is not *some models*."""
    tried = {t.key.model for t in tries if t.key.model}
    return tuple(sorted(tried)) if len(tried) > 1 else ()


def component_works(tries: Sequence[OutcomeStream], component: str, now_s: float) -> bool | None:
    """Whether the tries on a component work; None where there are none, or none says anything any more."""
    said = [t.alarm_since_s is None for t in tries if t.key.component == component and not t.says_nothing(now_s)]
    return all(said) if said else None


def layers_that_work(tries: Sequence[OutcomeStream], now_s: float) -> dict[Layer, bool]:
    """Of each layer that is tried of late, whether its tries work."""
    found: dict[Layer, bool] = {}
    for t in tries:
        if now_s - t.last_s <= _RECENT_S:
            if t.alarm_since_s is not None:
                found[t.key.layer] = False
            elif t.works:  # what fails and has not alarmed yet is no word
                found.setdefault(t.key.layer, True)
    return found
