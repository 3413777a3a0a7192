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
