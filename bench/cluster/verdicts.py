"""A word as a judge writes it: the official page says that the API is out, or that it is well."""

from __future__ import annotations

from datetime import datetime

from stillup.daemon.cluster.publish import Word, pack
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Verdict


def word(at: datetime, state: State, service: str = "claude") -> bytes:
    """Of a service and its component ``api``, confirmed."""
    is_fault = state.is_fault
    standing = Standing.ALARM if is_fault else Standing.CALM
    grounds = Evidence(
        family=Family.OFFICIAL, standing=standing, sources=("statuspage",), state=state, components=(("api", state),)
    )

    def verdict(component: str | None) -> Verdict:
        return Verdict(
            at=at, service=service, component=component, state=state, since=at if is_fault else None,
            confidence=Confidence.CONFIRMED if is_fault else None, families=(Family.OFFICIAL,),
            components=("api",) if is_fault and component is None else (),
        )  # fmt: skip

    return pack(
        Word(at=at, service=service, seq=1, fence=1, verdicts=(verdict(None), verdict("api")), evidence=(grounds,))
    )
