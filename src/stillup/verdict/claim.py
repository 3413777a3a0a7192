"""A number that the user read somewhere: worth showing, worth a suspicion, never more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, structs

from stillup.model.evidence import Evidence, Standing
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict

_ALARMING_RATIO = 3.0
_FEWEST = 20


class Claim(Struct, frozen=True):
    """``count`` reports at ``source`` within ``window_s`` seconds, as read by a person."""

    source: str
    count: int
    window_s: int
    usual_per_day: float | None = None

    @property
    def usual(self) -> float | None:
        """The usual count of such a window, None where nothing is known."""
        return None if self.usual_per_day is None else self.usual_per_day * self.window_s / 86_400


def as_evidence(claim: Claim, family: Family, now: datetime) -> Evidence:
    """What the claim says: alarm from three times the usual and twenty reports up, else calm; unknown has no usual."""
    standing = Standing.NO_DATA
    if claim.usual is not None:
        loud = claim.count >= max(_FEWEST, _ALARMING_RATIO * claim.usual)
        standing = Standing.ALARM if loud else Standing.CALM
    return Evidence(
        family=family,
        standing=standing,
        sources=(claim.source,),
        since=now if standing is Standing.ALARM else None,
        heard_at=now,
        state=State.PARTIAL_OUTAGE if standing is Standing.ALARM else State.UNKNOWN,
        observed=claim.count / claim.window_s * 60,
        usual=None if claim.usual is None else claim.usual / claim.window_s * 60,
        unit="reports a minute",
        note="read by you",
    )


def with_claims(verdict: Verdict, claims: Sequence[Evidence]) -> Verdict:
    """The verdict with the claims weighed in: an unsuspicious one becomes suspected, every other stays as it is."""
    loud = [e for e in claims if e.standing is Standing.ALARM]
    if not loud or verdict.state.is_fault or verdict.scope is not None:
        return verdict
    return structs.replace(
        verdict,
        state=State.PARTIAL_OUTAGE,
        confidence=Confidence.SUSPECTED,
        scope=Scope.EVERYONE,
        probability=None,
        families=tuple(dict.fromkeys(e.family for e in loud)),
        since=None,
        reason=Reason.ONE_FAMILY_ALARMS,
    )
