"""The forecast of an incident under watch: what the page told of it, and the record of what was seen before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from stillup.model.incident import Incident
from stillup.verdict.forecast.forecaster import Forecaster, Prediction
from stillup.verdict.forecast.question import Question, Resolved, Update
from stillup.verdict.forecast.record import Record
from stillup.verdict.official.chronicle import PageIncident


def live_forecast(
    forecaster: Forecaster,
    record: Record,
    *,
    service: str,
    since: datetime,
    now: datetime,
    components: Iterable[str] = (),
    page: PageIncident | None = None,
) -> Prediction:
    """How long an open incident will still take, from what a watch knows of it at ``now``.

    ``since`` is when it was first seen. Where the official page has an incident of it, ``page``, its first post, stage
    and words count; else the time elapsed and the record alone.
    """
    return forecaster.predict(live_question(service, since, now, components, page), record)


def live_question(
    service: str, since: datetime, now: datetime, components: Iterable[str], page: PageIncident | None
) -> Question:
    """The question that an open incident poses."""
    if page is None:
        return Question(service=service, at=now, first_posted_at=since, components=tuple(components))
    return Question(
        service=service,
        at=now,
        id=page.id,
        first_posted_at=_moment(page.first_posted_s),
        title=page.title,
        stage=page.stage and page.stage.value,
        components=page.components or tuple(components),
        updates=tuple(
            Update(posted_at=_moment(u.posted_s), status=u.stage and u.stage.value, body=u.body) for u in page.updates
        ),
    )


def past_incidents(incidents: Iterable[Incident]) -> list[Resolved]:
    """Own incidents that are over, as rows of a record."""
    return [
        Resolved(
            service=i.service,
            id=i.id,
            first_posted_at=i.opened_at,
            resolved_at=i.recovered_at,
            components=i.components,
        )
        for i in incidents
        if i.recovered_at is not None
    ]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
