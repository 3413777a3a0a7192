"""``/metrics``: what is known of the services, and how the page itself fares, for Prometheus.

Everything is made from the board and from plain sums at the moment somebody asks, in a registry of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from litestar import get
from litestar.datastructures import State as AppState  # noqa: TC002  litestar reads it at run time
from litestar.response import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stillup.board import Board
from stillup.model.service import State

if TYPE_CHECKING:
    from datetime import datetime

    from litestar.types import ControllerRouterHandler

    from stillup.web.events import Events
    from stillup.web.site import Site
    from stillup.web.traffic import Traffic

_TEXT = "text/plain; version=0.0.4"
"""The text format; Litestar says the charset itself."""


class PageMetrics:
    """The exposition of one page."""

    def __init__(self, site: Site, traffic: Traffic, events: Events) -> None:
        self._site = site
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Known(site))
        self._registry.register(_Page(traffic, events))
        self._traffic = traffic

    def text(self) -> bytes:
        """All of it, in the text format; what another part cannot tell now is left out, and counted."""
        parts = []
        for more in self._site.more_metrics:
            try:
                parts.append(more())
            except Exception:  # noqa: BLE001 - another part's trouble must not hide what is known here
                self._traffic.metrics_failed += 1
        return b"".join([generate_latest(self._registry), *parts])


class _Known(Collector):
    """What is known of the services."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def collect(self) -> Iterator[Metric]:
        board, now = self._site.board(), self._site.clock.now()
        age = max(0.0, (now - board.at).total_seconds())
        yield GaugeMetricFamily("stillup_board_age_seconds", "Seconds since the minute that was judged last", value=age)
        yield GaugeMetricFamily("stillup_board_seq", "Number of the board that is shown", value=board.seq)
        yield from _states(board)
        yield from _sources(board, now)


def _states(board: Board) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "stillup_state", "1 for the state a service (component empty) or component is in, 0 for all others",
        labels=("service", "component", "state"),
    )  # fmt: skip
    confirmed = GaugeMetricFamily(
        "stillup_confirmed", "1 where independent sides agree that something is wrong, 0 where they do not",
        labels=("service",),
    )  # fmt: skip
    probability = GaugeMetricFamily(
        "stillup_probability", "How likely it is that the service is in trouble, 0 to 1", labels=("service",)
    )
    for name, shown in board.services.items():
        of_all = {"": shown.verdict, **shown.components}
        for component, verdict in of_all.items():
            for state in State:
                states.add_metric((name, component, state.value), float(verdict.state is state))
        confirmed.add_metric((name,), float(shown.verdict.confidence == "confirmed"))
        if shown.verdict.probability is not None:
            probability.add_metric((name,), shown.verdict.probability)
    yield from (states, confirmed, probability)


def _sources(board: Board, now: datetime) -> Iterator[Metric]:
    ok = GaugeMetricFamily("stillup_source_ok", "1 where a source was read well", labels=("service", "source"))
    age = GaugeMetricFamily(
        "stillup_source_age_seconds", "Seconds since a source was last read well", labels=("service", "source")
    )
    for name, shown in board.services.items():
        for source in shown.sources:
            ok.add_metric((name, source.id), float(source.ok))
            if source.heard_at is not None:
                age.add_metric((name, source.id), max(0.0, (now - source.heard_at).total_seconds()))
    yield from (ok, age)


class _Page(Collector):
    """How the page fares."""

    def __init__(self, traffic: Traffic, events: Events) -> None:
        self._traffic = traffic
        self._events = events

    def collect(self) -> Iterator[Metric]:
        traffic, events = self._traffic, self._events
        requests = CounterMetricFamily(
            "stillup_web_requests", "Requests by class of route and status", labels=("route", "status")
        )
        for (route, status), count in sorted(traffic.requests.items()):
            requests.add_metric((route, str(status)), count)
        refused = CounterMetricFamily(
            "stillup_web_refused", "Requests refused before they reached a route", labels=("reason",)
        )
        for reason, count in sorted(traffic.refused.items()):
            refused.add_metric((reason,), count)
        yield from (requests, refused)
        yield CounterMetricFamily("stillup_web_ready", "Answers that lay ready", value=traffic.ready)
        yield CounterMetricFamily("stillup_web_rendered", "Answers made to be kept ready", value=traffic.rendered)
        yield GaugeMetricFamily("stillup_web_event_readers", "Who listens to /events now", value=events.readers)
        yield CounterMetricFamily(
            "stillup_web_event_readers_dropped", "Readers let go because they did not read", value=events.dropped
        )
        yield CounterMetricFamily(
            "stillup_web_event_readers_refused", "Readers that found no room", value=events.refused
        )
        yield CounterMetricFamily(
            "stillup_web_metrics_failed", "Other parts' metrics that could not be had", value=traffic.metrics_failed
        )


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/metrics``."""
    made: list[PageMetrics] = []

    @get("/metrics", sync_to_thread=False)
    def metrics(state: AppState) -> Response[bytes]:
        if not made:
            made.append(PageMetrics(site, state.traffic, state.events))
        return Response(made[0].text(), media_type=_TEXT, headers={"cache-control": "no-store"})

    return [metrics]
