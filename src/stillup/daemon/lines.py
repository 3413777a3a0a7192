"""One line a source: what it says or why it could not be read, and where to look oneself. Pure."""

from __future__ import annotations

from datetime import datetime

from stillup.board import SourceLine
from stillup.catalog.load import Service
from stillup.registry import SOURCES
from stillup.sources.base import Reading
from stillup.sources.decode import clean, http_url
from stillup.sources.report import Failure, FailureKind, Report

_MOST = 300


def words_of(report: Report) -> str:
    """What a source said, or why it could not be read."""
    if report.reading is not None:
        return report.reading.says
    return why_not(report.error) if report.error is not None else ""


def why_not(error: Failure) -> str:
    """Why there is no word of a source: it was not asked, or gave no data."""
    return f"not asked: {error.says}" if error.kind is FailureKind.NOT_CONFIGURED else f"no data: {error.says}"


def link_of(service: Service, source: str, reading: Reading | None = None) -> str:
    """Where a person can look: where the reading points to, else the catalogue's link."""
    if reading is not None and reading.links:
        return reading.links[0].url
    hint = service.sources.get(source)
    return (hint.link or hint.url) if hint else ""


def line_of(service: Service, report: Report, heard_at: datetime | None) -> SourceLine:
    """The line of a source by its last report; ``heard_at`` is when it was last read well."""
    spec = SOURCES[report.source]
    return SourceLine(
        id=spec.id,
        title=spec.title,
        family=spec.family,
        ok=report.ok,
        heard_at=heard_at,
        says=clean(words_of(report), _MOST),
        link=http_url(link_of(service, spec.id, report.reading)),
        delay_s=spec.delay_s,
        reliability=spec.reliability,
    )


def order_of(source: str) -> int:
    """A source's place in the registry."""
    return _PLACES.get(source, len(_PLACES))


_PLACES = {source: place for place, source in enumerate(SOURCES)}
