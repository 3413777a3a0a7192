"""What `stillup forecast SERVICE` has to say, before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from stillup.catalog.forecast import forecast_table
from stillup.catalog.load import ClassFacts, Service, outage_classes
from stillup.model.incident import Incident
from stillup.model.service import OutageClass
from stillup.model.signal import Declared
from stillup.model.verdict import iso
from stillup.verdict.forecast.forecaster import Forecaster, Prediction
from stillup.verdict.forecast.live import live_forecast, past_incidents
from stillup.verdict.forecast.next import chance_of_another
from stillup.verdict.forecast.question import Resolved
from stillup.verdict.forecast.record import Record
from stillup.verdict.forecast.table import Provenance
from stillup.verdict.official.chronicle import Chronicle, PageIncident

CURVE_S = tuple(60 * m for m in (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440))
"""Times for which the curve is told."""


class Kept(Struct, frozen=True):
    """What the store knows of one service; ``told`` is what pages declared since its open incident began."""

    incidents: tuple[Incident, ...]
    told: tuple[Declared, ...]


class Outlook(Struct, frozen=True, kw_only=True):
    """The forecast of a service with all it rests on."""

    service: Service
    at: datetime
    open: Incident | None
    page: PageIncident | None
    prediction: Prediction
    another: float
    own: int
    shipped: int
    provenance: Provenance

    @property
    def curve(self) -> list[tuple[int, float]]:
        """Seconds from now, and the chance of being back by then."""
        return [(s, round(self.prediction.within(s), 4)) for s in CURVE_S]

    @property
    def patterns(self) -> list[ClassFacts]:
        """How each class of outage usually comes back."""
        return [facts for kind, facts in outage_classes().items() if kind is not OutageClass.UNKNOWN]

    def json(self) -> bytes:
        """All of it as one JSON object."""
        incident = self.open and {
            "id": self.open.id,
            "since": iso(self.open.since),
            "state": self.open.state.value,
            "title": self.page.title if self.page else self.open.title,
            "stage": self.page.stage if self.page else None,
        }
        value = {
            "service": self.service.id,
            "at": iso(self.at),
            "incident": incident,
            "forecast": self.prediction.wire(),
            "curve": self.curve,
            "another_within_24h": round(self.another, 4),
            "recovery": [{"class": f.class_, "title": f.title, "recovery": f.recovery} for f in self.patterns],
            "record": {"own": self.own, "shipped": self.shipped, "shipped_until": self.provenance.until},
        }
        return msgspec.json.encode(value)


def outlook(service: Service, kept: Kept, history: Sequence[Resolved], now: datetime) -> Outlook:
    """The forecast of the open incident, or of one that breaks out ``now``."""
    table = forecast_table()
    past = [*history, *past_incidents(kept.incidents)]
    record = Record(past)
    running = [i for i in kept.incidents if i.recovered_at is None]
    current = running[-1] if running else None
    page = _page(kept.told) if current else None
    prediction = live_forecast(
        Forecaster(table),
        record,
        service=service.id,
        since=current.since if current else now,
        now=now,
        components=current.components if current else (),
        page=page,
    )
    own = [r for r in past if r.service == service.id and r.resolved_at < now]
    starts = [*(r.first_posted_at for r in own), *(i.opened_at for i in running)]
    return Outlook(
        service=service,
        at=now,
        open=current,
        page=page,
        prediction=prediction,
        another=chance_of_another(table, service.id, starts, now),
        own=len(own),
        shipped=table.provenance.incidents.get(service.id, 0),
        provenance=table.provenance,
    )


def _page(told: Sequence[Declared]) -> PageIncident | None:
    """The incident that official pages still have open, the oldest first."""
    chronicle = Chronicle()
    for line in told:
        chronicle.note(line, line.at.timestamp())
    standing = chronicle.open(lambda _source, _id: True)
    return standing[0] if standing else None
