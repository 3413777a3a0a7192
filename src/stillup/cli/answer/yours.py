"""One plain line on the user's own requests: theirs to mend, yours to mend, or nothing to mend."""

from __future__ import annotations

from datetime import datetime

from stillup.cli.common import clock_time, span
from stillup.daemon.ask import FirstAnswer
from stillup.daemon.yours import Yours, headline_for, words_of_own
from stillup.model.service import Scope
from stillup.model.verdict import Verdict

_SIGN_IN = {"claude_code": "run /login", "codex": "run `codex login`", "gemini_cli": "run /auth"}
_LIMITS = {"": "usage", "five_hour": "five-hour", "seven_day": "weekly"}
_OF_THE_WEEK = "seven_day_"
"""What stands behind it is the model that the limit is for."""
_KINDS = {
    "overloaded": "overloaded (theirs)",
    "server_error": "server error (theirs)",
    "timeout": "timed out (theirs)",
    "not_found": "not found (theirs)",
    "connection": "without a connection",
    "other": "for another reason",
}


def own_words(answer: FirstAnswer) -> str:
    """What of the user's own stands in the way, in a few words; empty where that is not what the verdict says."""
    return words_of_own(answer.verdict, answer.reports, answer.at)


def headline_of(answer: FirstAnswer) -> str:
    """The verdict in a few words, and whether a limit, a bill or a key it is where it is the user's own."""
    return headline_for(answer.service.name, answer.verdict, answer.reports, answer.at)


def sentence(line: Yours, verdict: Verdict, now: datetime) -> str:
    """``Claude Code: 3 of 41 requests failed in 24 h: 3 overloaded (theirs), the last 4 min ago``."""
    own = _own(line, verdict, now)
    met = "" if own and not line.failed else _met(line, verdict, now)
    return f"{line.program}: {'; '.join(part for part in (own, met) if part)}"


def _own(line: Yours, verdict: Verdict, now: datetime) -> str:
    if line.own is None or line.own_at is None:
        return ""
    word, _, name = line.own.partition(":")
    ago = _ago(line.own_at, now)
    when = f"resets {clock_time(line.resets_at, now)}" if line.resets_at else ago
    said = {
        "quota": f"your {_limit(name)} limit is reached, {when}",
        "rate_limit": f"your requests come faster than your limit allows, {ago}",
        "billing": f"your credit or plan does not cover them, {ago}",
        "authentication": f"your sign-in or key was refused, {ago}: {_SIGN_IN[line.source]}, or mend the key",
        "permission": f"your account may not do this, {ago}: see its plan, organisation and country",
        "network": f"your network: no way out from here, {ago}",
    }.get(word, f"{word.replace('_', ' ')}, {ago}")
    # While the service itself is in trouble a refusal may be part of it, and nobody should be told otherwise.
    return said if verdict.state.is_fault else f"{said}: not an outage"


def _limit(name: str) -> str:
    if name.startswith(_OF_THE_WEEK):
        return f"weekly {name.removeprefix(_OF_THE_WEEK).replace('_', ' ').title()}"
    return _LIMITS.get(name) or name.replace("_", " ")


def _met(line: Yours, verdict: Verdict, now: datetime) -> str:
    if not line.failed or line.last_failed_at is None:
        return f"none of {line.requests} requests failed in 24 h" if line.requests else ""
    kinds = ", ".join(f"{n} {_KINDS.get(kind, kind)}" for kind, n in line.kinds.items())
    newest = f"the last {_ago(line.last_failed_at, now)}"
    here = ": your network" if verdict.scope is Scope.YOU and "connection" in line.kinds else ""
    return f"{line.failed} of {line.requests} requests failed in 24 h: {kinds}, {newest}{here}"


def _ago(at: datetime, now: datetime) -> str:
    length = span((now - at).total_seconds())
    return "just now" if length == "now" else f"{length} ago"
