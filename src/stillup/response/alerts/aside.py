"""What was decided while the database was away, and what it knew before that: how one becomes the other."""

from __future__ import annotations

from msgspec.structs import replace

from stillup.model.reason import Reason
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


def is_otherwise(state: AlertState, verdict: Verdict) -> bool:
    """Whether a board shows something later, and otherwise, than was decided on."""
    known = state.verdicts.get(key_of(verdict))
    # A board may say for a moment that nobody has judged a service: what was known of it is not over.
    if known is None or verdict.reason is Reason.NO_DATA:
        return False
    return verdict.at > known.at and verdict.essence != known.essence


def caught_up(state: AlertState, known: AlertState) -> AlertState | None:
    """The state to go on with where the database fell back behind what is known; None where it did not.

    It did when something was said that it knows nothing of: it was restored from a backup, or another server took over
    that had not heard of it yet. Only what is later counts of ``known``, for of the rest the database knows best.
    """
    threads = {k: t for k, t in known.threads.items() if _is_later(t, state.threads.get(k))}
    is_told = known.digest_on is not None and (state.digest_on is None or state.digest_on < known.digest_on)
    if not threads and not is_told:
        return None
    later = {k: v for k, v in known.verdicts.items() if k not in state.verdicts or state.verdicts[k].at < v.at}
    heard = dict(state.heard)
    for key, at in (*((k, v.at) for k, v in known.verdicts.items()), *known.heard.items()):
        heard[key] = max(at, heard.get(key, at))
    return replace(
        state,
        threads={**state.threads, **threads},
        verdicts={**state.verdicts, **later},
        silences=tuple(dict.fromkeys((*state.silences, *known.silences))),
        notes=known.notes if is_told else state.notes,
        digest_on=known.digest_on if is_told else state.digest_on,
        heard=heard,
    )


def _is_later(thread: Thread, than: Thread | None) -> bool:
    said_at = thread.said_at
    return said_at is not None and (than is None or than.said_at is None or than.said_at < said_at)


def _acked(thread: Thread, before: Thread | None) -> Thread:
    if before is None or not before.acked or thread.said is None or before.incident != thread.incident:
        return thread
    return replace(thread, acked=True)
