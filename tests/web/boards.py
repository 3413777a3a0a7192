"""A made-up board: Claude's sign-in is down, ChatGPT is well, of Gemini nothing is known. As of NOW."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from stillup.board import (
    Bar,
    Board,
    Chance,
    Day,
    Joint,
    Maintenance,
    Moment,
    Place,
    Record,
    ServiceBoard,
    Share,
    SourceLine,
    Story,
)
from stillup.catalog.load import catalogue, outage_classes
from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.incident import Incident
from stillup.model.reason import Reason
from stillup.model.service import Capability, Confidence, Family, Layer, OutageClass, Scope, Stage, State
from stillup.model.verdict import Diagnosis, Forecast, Verdict
from stillup.response.alternatives import Choice, Offer
from stillup.response.playbook import Done, Step

NOW = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)
ONSET = NOW - timedelta(minutes=28)
INCIDENT = Incident(
    id="claude-20260512-1436",
    service="claude",
    opened_at=ONSET + timedelta(minutes=4),
    since=ONSET,
    state=State.PARTIAL_OUTAGE,
    confidence=Confidence.CONFIRMED,
    first_seen=(
        (Family.PROBE, ONSET + timedelta(minutes=4)),
        (Family.CROWD, ONSET + timedelta(minutes=6)),
        (Family.OFFICIAL, ONSET + timedelta(minutes=23)),
    ),
    confirmed_at=ONSET + timedelta(minutes=6),
    components=("web", "console"),
    title="Users cannot sign in to Claude",
)
PAST = Incident(
    id="claude-20260501-0900",
    service="claude",
    opened_at=NOW - timedelta(days=11),
    since=NOW - timedelta(days=11, minutes=3),
    state=State.DEGRADED,
    confidence=Confidence.CONFIRMED,
    first_seen=((Family.OFFICIAL, NOW - timedelta(days=11)),),
    confirmed_at=NOW - timedelta(days=11),
    recovered_at=NOW - timedelta(days=11) + timedelta(minutes=50),
    components=("api",),
    title="Elevated errors on Claude Opus",
)


def verdict(**rest) -> Verdict:
    """The verdict on Claude as a whole."""
    told = {
        "at": NOW - timedelta(minutes=4),
        "service": "claude",
        "state": State.PARTIAL_OUTAGE,
        "confidence": Confidence.CONFIRMED,
        "probability": 0.98,
        "families": (Family.OFFICIAL, Family.CROWD, Family.PROBE),
        "since": ONSET,
        "incident": INCIDENT.id,
        "components": ("web", "console"),
        "regions": ("FR", "US-CA"),
        "problems": ("sign_in", "no_response"),
        "scope": Scope.COMPONENT,
        "diagnosis": (
            Diagnosis(OutageClass.AUTHENTICATION, Layer.AUTH, 0.82, ("sign-in fails, the API answers",), ()),
            Diagnosis(OutageClass.PRESENTATION, Layer.PRESENTATION, 0.1, (), ("sign-in page is served",)),
        ),
        "forecast": Forecast(p50_s=3300.0, p10_s=900.0, p90_s=14000.0),
        "reason": Reason.PAGE_AND_FAMILIES_AGREE,
    }
    return Verdict(**{**told, **rest})


def bars(now: datetime = NOW, windows: int = 96) -> tuple[Bar, ...]:
    """A day of reports: one an hour, then a hundred a quarter of an hour; two windows in which nobody was heard."""
    out = []
    for i in range(windows):
        left = windows - i
        count = None if left in (40, 41) else 95.0 if left <= 2 else float(i % 4 == 0)
        out.append(Bar(at=now - timedelta(minutes=15 * (left - 1)), count=count, usual=0.9, low=0.0, high=4.0))
    return tuple(out)


def claude(**rest) -> ServiceBoard:
    """Claude, with its sign-in down."""
    service = catalogue()["claude"]
    part = {
        c: verdict(component=c, components=(c,), state=State.MAJOR_OUTAGE, regions=(), problems=())
        for c in ("web", "console")
    }
    part["api"] = Verdict(at=NOW, service="claude", component="api", state=State.OPERATIONAL, reason=Reason.ALL_CALM)
    offer = Offer(
        service="chatgpt", name="ChatGPT", advantage="a large free tier", access="web, apps, API", free=True,
        link="https://chatgpt.com",
    )  # fmt: skip
    told = {
        "service": service,
        "verdict": verdict(),
        "components": part,
        "evidence": (
            Evidence(
                family=Family.OFFICIAL, standing=Standing.ALARM, sources=("statuspage",),
                since=NOW - timedelta(minutes=5),
                heard_at=NOW - timedelta(seconds=20), state=State.MAJOR_OUTAGE, stage=Stage.INVESTIGATING,
                note="Users cannot sign in to Claude", components=(("web", State.MAJOR_OUTAGE),),
            ),
            Evidence(
                family=Family.CROWD, standing=Standing.ALARM, sources=("downdetector",), since=ONSET, heard_at=NOW,
                log_e=21.0, observed=6.0, usual=0.06, unit="reports a minute", regions=("FR", "US-CA"),
                problems=("sign_in",), window_s=1680.0,
                numbers=(Numbers(source="downdetector", observed=168.0, usual=1.7, window_s=1680.0, log_e=21.0),),
            ),
            Evidence(family=Family.SOCIAL, standing=Standing.CALM, sources=("reddit",), heard_at=NOW),
            Evidence(family=Family.SEARCH, standing=Standing.NO_DATA, sources=("google_trends",)),
            Evidence(
                family=Family.PROBE, standing=Standing.ALARM, sources=("probe",), since=ONSET, heard_at=NOW, log_e=18.0,
                observed=5.0, usual=0.05, unit="failures", components=(("web", State.MAJOR_OUTAGE),),
                numbers=(
                    Numbers(source="probe", observed=5, usual=0.01, window_s=300, what="failures", tries=5,
                            part=("web", "auth"), log_e=18.0),
                ),
            ),
        ),
        "sources": (
            SourceLine(
                id="statuspage", title="Status page", family=Family.OFFICIAL, ok=True, heard_at=NOW,
                says="page: major outage", link="https://status.claude.com", delay_s=1000, reliability="often late",
            ),
            SourceLine(id="google_trends", title="Google Trends", family=Family.SEARCH, ok=False, says="no answer"),
        ),
        "headline": "Claude: partial outage, confirmed",
        "because": "the official page says so, and independent sides agree",
        "rule": "official page: major outage; downdetector 168 reports in 28 min where 1.7 is usual → confirmed",
        "who": "only some parts; broken: claude.ai, Claude Console; trouble: sign in, no response; where: FR, US-CA",
        "reports": bars(),
        "places": (Place("US-CA", 60.0, 0.5), Place("FR", 50.0, 0.4), Place("US", 12.0, 2.0), Place("JP", 1.0, 0.6)),
        "problems": (Share("sign_in", 110.0), Share("no_response", 45.0), Share("other", 13.0)),
        "likely": outage_classes()[OutageClass.AUTHENTICATION],
        "likely_p": 0.82,
        "recovery": tuple(Chance(s * 300.0, 1 - 0.94**s) for s in range(49)),
        "pattern": "All at once when sign-in is repaired.",
        "steps": (
            Step(says="See that it is not only you.", done=Done.DONE, note="three independent sides agree"),
            Step(says="Move requests to another provider.", done=Done.CANNOT, note="no gateway runs here"),
            Step(says="Copy unsent text somewhere safe before you reload anything."),
            Step(says="Tell the team in #ops.", team=True),
        ),
        "task": Capability.CHAT,
        "up_parts": ("Claude API",),
        "choices": (Choice(offer=offer, state=State.OPERATIONAL, why="up now"),),
        "incidents": (INCIDENT, PAST),
        "maintenances": (
            Maintenance(
                id="m1", title="Database upgrade", stage=Stage.SCHEDULED, starts=NOW + timedelta(days=2),
                ends=NOW + timedelta(days=2, hours=1), components=("web",), body="Short interruptions are likely.",
                updated_at=NOW - timedelta(days=1),
            ),
        ),
        "latency_ms": 420.0,
    }  # fmt: skip
    return ServiceBoard(**{**told, **rest})


def calm(service: str, state: State = State.OPERATIONAL) -> ServiceBoard:
    """A service of which there is nothing to tell."""
    reason = Reason.ALL_CALM if state is State.OPERATIONAL else Reason.NO_DATA
    name = catalogue()[service].name
    return ServiceBoard(
        service=catalogue()[service],
        verdict=Verdict(at=NOW, service=service, state=state, since=NOW - timedelta(days=1), reason=reason),
        headline=f"{name}: {state.value}",
        because="every side that could be read is calm" if state is State.OPERATIONAL else "nobody was heard",
    )


def board(seq: int = 7, **services: ServiceBoard) -> Board:
    """Claude down, ChatGPT well, Gemini unknown; ``services`` stand in for these or beside them."""
    shown = {"claude": claude(), "chatgpt": calm("chatgpt"), "gemini": calm("gemini", State.UNKNOWN), **services}
    return Board(at=NOW, seq=seq, services=shown)


class MadeUpArchive:
    """An :class:`~stillup.board.Archive` of the two incidents and ninety days."""

    def story(self, incident_id: str) -> Story | None:
        found = next((i for i in (INCIDENT, PAST) if i.id == incident_id), None)
        if found is None:
            return None
        return Story(
            incident=found,
            timeline=(
                Moment(at=ONSET, kind="onset", says="It began, as far as the numbers show."),
                Moment(at=ONSET + timedelta(minutes=4), kind="seen", says="Our probe saw it.", family=Family.PROBE),
                Moment(
                    at=ONSET + timedelta(minutes=6), kind="verdict", says="partial outage, confirmed",
                    state=State.PARTIAL_OUTAGE,
                ),
                Moment(at=ONSET + timedelta(minutes=23), kind="official", says="Users cannot sign in to Claude"),
            ),
            leads=((Family.PROBE, 1140.0), (Family.CROWD, 1020.0)),
            right=("It was called 19 min before the official page spoke.",),
            wrong=("The mobile apps were never named, and the page named them.",),
            reports=bars(),
            grounds=claude().evidence,
        )  # fmt: skip

    def incidents(self, service=None, *, before=None, limit=50) -> Sequence[Incident]:
        found = [i for i in (INCIDENT, PAST) if service in (None, i.service)]
        return [i for i in found if before is None or (i.opened_at, i.id) < before][:limit]

    def changes(self, service=None, *, before=None, limit=50) -> Sequence[Verdict]:
        made = [verdict(at=NOW - timedelta(minutes=m)) for m in range(4, 34, 5)]
        made = [v for v in made if service in (None, v.service)]
        return [v for v in made if before is None or (v.at, f"{v.service}/{v.component or ''}") < before][:limit]

    def record(self, service, now, days=90) -> Sequence[Record]:
        first = now.date() - timedelta(days=days - 1)
        out = []
        for component in (None, "web", "api"):
            each = [_day(first + timedelta(days=i), i) for i in range(days)]
            out.append(Record(service=service, component=component, days=tuple(each)))
        return out

    def joint(self, services, now, days=90) -> Sequence[Joint]:
        alone = [
            Joint(services=(s,), down_s=3600.0 * (i + 1), watched_s=days * 86400.0) for i, s in enumerate(services)
        ]
        return [*alone, Joint(services=tuple(services), down_s=600.0, watched_s=days * 86400.0)]


def _day(day: date, i: int) -> Day:
    if i < 20:
        return Day(day=day, worst=None)
    if i % 17 == 0:
        return Day(day=day, worst=State.PARTIAL_OUTAGE, down_s=2400.0, degraded_s=600.0, watched_s=86400.0)
    return Day(day=day, worst=State.OPERATIONAL, watched_s=86400.0)
