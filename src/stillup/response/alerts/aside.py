"""What was decided while the database was away, and what it knew before that: how one becomes the other."""

from __future__ import annotations

from msgspec.structs import replace

from stillup.model.verdict import Verdict
from stillup.response.alerts.values import AlertState, Thread


def key_of(verdict: Verdict) -> str:
    """Under which name a state knows a verdict."""
    return f"{verdict.service}/{verdict.component or ''}"


def is_news(state: AlertState, verdict: Verdict) -> bool:
    """Whether a change that comes out of the database was not decided on while that was away."""
    heard = state.heard.get(key_of(verdict))
    return heard is None or verdict.at > heard


def taken_up(before: AlertState, aside: AlertState, name: str) -> AlertState:
    """The state that goes on in the database: what was decided aside, and what somebody had asked for before that.

    The last acknowledgement or silence may have come after the last look at a database that then went away.
    """
    heard = dict(before.heard)
    for key, verdict in aside.verdicts.items():
        heard[key] = max(verdict.at, heard.get(key, verdict.at))
    threads = {key: _acked(thread, before.threads.get(key)) for key, thread in aside.threads.items()}
    silences = tuple(dict.fromkeys((*aside.silences, *before.silences)))
    return replace(aside, threads=threads, silences=silences, heard=heard, aside=name)


def _acked(thread: Thread, before: Thread | None) -> Thread:
    if before is None or not before.acked or thread.said is None or before.incident != thread.incident:
        return thread
    return replace(thread, acked=True)
