"""How long and how often one rung is tried, so that one lost packet is no outage and a person never waits too long."""

from __future__ import annotations

from msgspec import Struct

from stillup.sources.ladder.options import DEADLINE_ONCE_S, DEADLINE_WATCH_S

_TRIES = 3
_PAUSE_S = 0.25
_PATIENCE_MAX_S = 8.0


class Pace(Struct, frozen=True, kw_only=True):
    """The tries of one rung.

    The next try starts ``pause_s`` after a failure, or beside the others when they have been silent for
    ``overlap_s`` (None: never): that way a host that hangs is tried three times as well. A try gets ``patience_s``,
    or what is left until ``cutoff_s``, and none starts with less than ``least_s``.
    """

    tries: int
    patience_s: float
    cutoff_s: float
    overlap_s: float | None = None
    least_s: float = 0.0
    pause_s: float = _PAUSE_S


def deadline_of(deadline_s: float | None, *, once: bool) -> float:
    """The end of the whole reading: the user's word, else by whether somebody waits."""
    return deadline_s or (DEADLINE_ONCE_S if once else DEADLINE_WATCH_S)


def page_pace(deadline_s: float | None, *, once: bool) -> Pace:
    """For rungs that cost nothing. In the default 2 s: 1.8 s for a try, another beside it after 0.5 s of silence."""
    end_s = deadline_of(deadline_s, once=once)
    patience_s = min(_PATIENCE_MAX_S, 0.9 * end_s)
    if not once:
        return Pace(tries=1, patience_s=patience_s, cutoff_s=end_s)
    return Pace(tries=_TRIES, patience_s=patience_s, cutoff_s=0.96 * end_s, overlap_s=0.24 * end_s, least_s=0.4 * end_s)


def stream_pace(deadline_s: float | None, *, once: bool) -> Pace:
    """For inference: models take seconds, so a short deadline leaves it out rather than call it a timeout."""
    tries = _TRIES if once else 1
    return Pace(
        tries=tries, patience_s=_PATIENCE_MAX_S, cutoff_s=max(_PATIENCE_MAX_S, deadline_of(deadline_s, once=once))
    )
