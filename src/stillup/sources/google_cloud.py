"""Google's two status dashboards, Cloud and Workspace, in one format: ``/incidents.json`` and ``/products.json``.

``incidents.json`` is a list of what happened to every product over months, some 200 KB: one with an ``end`` is over,
one without is open. ``products.json`` names the products, by ids that stay while titles change. A product on that list
that no open incident names is operational by the dashboard's word, and the empty list of incidents is a good answer.
Where the list of products cannot be had, the catalogue's own ids stand for it.

An open incident is as bad as its newest update says (``SERVICE_OUTAGE``, ``SERVICE_DISRUPTION``; information is no
fault, ``AVAILABLE`` is the end). One whose locations all lie in one place is told of that place and leaves the product
operational elsewhere. Updates are dated by ``created``, when they could be read: ``begin`` is set back, by 79 minutes
in one sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import Malformed, RateLimited, SourceError
from stillup.model.service import Stage, State, worst
from stillup.net import Net, Request
from stillup.sources.base import Context, Reading
from stillup.sources.decode import decode_json, http_url, moment
from stillup.sources.pages.page import MOST_POSTS, Affected, Incident, Page, Post, Row
from stillup.sources.pages.reading import reading_of
from stillup.sources.pages.regions import of_google
from stillup.sources.pages.source import PageSource
from stillup.sources.pages.words import Names, StateWord

_PRODUCTS_EVERY_S = 3600.0
_MOST_OPEN, _MOST_PRODUCTS = 100, 1000


class _Word(StateWord):
    """How the products of an open incident are; any other word there makes the whole answer malformed."""

    OUTAGE = "SERVICE_OUTAGE", State.MAJOR_OUTAGE
    DISRUPTION = "SERVICE_DISRUPTION", State.PARTIAL_OUTAGE
    INFORMATION = "SERVICE_INFORMATION", State.OPERATIONAL
    AVAILABLE_INFORMATION = "AVAILABLE_INFORMATION", State.OPERATIONAL
    AVAILABLE = "AVAILABLE", State.OPERATIONAL


_KNOWN = {word.value: word for word in _Word}


class _Product(Struct, frozen=True):
    id: str
    title: str = ""


class _Location(Struct, frozen=True):
    id: str = ""


class _Update(Struct, frozen=True):
    """``status`` is checked where it says how things are now; unknown words of history are let pass."""

    status: str
    created: str
    text: str | None = None

    def left(self, severity: str | None) -> State:
        """The state in which it left what it is about."""
        return _state(_KNOWN[self.status], severity) if self.status in _KNOWN else State.UNKNOWN

    def post(self, affected: tuple[Affected, ...]) -> Post:
        """``affected`` is what it left in that state: nothing of an incident in one place, which leaves it green."""
        return Post(
            at=moment(self.created),
            stage=Stage.RESOLVED if self.status == _Word.AVAILABLE else None,
            body=self.text or "",
            affected=affected,
        )


class _Incident(Struct, frozen=True):
    id: str
    begin: str
    affected_products: tuple[_Product, ...]
    status_impact: str
    end: str | None = None
    external_desc: str = ""
    service_name: str = ""
    severity: str | None = None
    uri: str | None = None
    most_recent_update: _Update | None = None
    updates: tuple[_Update, ...] = ()
    currently_affected_locations: tuple[_Location, ...] = ()

    @property
    def state(self) -> State:
        """How its products are while it is open, by the newest update, else by the incident's own word.

        :raises Malformed: by a word nobody knows.
        """
        newest = self.most_recent_update
        return _state(_now(newest.status if newest else self.status_impact), self.severity)

    def incident(self, base: str) -> Incident:
        products = tuple(dict.fromkeys(p.id for p in self.affected_products))[:_MOST_PRODUCTS]
        state = self.state
        region = of_google(location.id for location in self.currently_affected_locations)
        everywhere, updates = () if region else products, self.updates[:MOST_POSTS]
        # Once for each state: thirty updates of a hundred products are not three thousand things to say.
        left = {s: tuple(Affected(i, s) for i in everywhere) for s in {u.left(self.severity) for u in updates}}
        return Incident(
            id=self.id,
            title=self.external_desc or self.service_name,
            stage=None if state.is_fault else Stage.RESOLVED,
            implies=state,
            link=http_url(f"{base}/{self.uri.lstrip('/')}") if base and self.uri else "",
            rows=tuple(Row(id_, "", state) for id_ in products),
            posts=tuple(u.post(left[u.left(self.severity)]) for u in updates),
            region=region,
        )


class _Products(Struct, frozen=True):
    products: tuple[_Product, ...]


def _now(word: str) -> _Word:
    if word not in _KNOWN:
        msg = "an open incident is in a state that is not known"
        raise Malformed(msg)
    return _KNOWN[word]


def _state(word: _Word, severity: str | None) -> State:
    """A disruption that the dashboard calls low is less than an outage of a part."""
    mild = word is _Word.DISRUPTION and (severity or "").lower() == "low"
    return State.DEGRADED if mild else word.state


class GoogleStatus(PageSource):
    """One of the two dashboards."""

    own_page = True

    def __init__(self, source_id: str) -> None:
        self.id = source_id

    def page_requests(self, base: str) -> tuple[Request, ...]:
        products = Request(url=f"{base}/products.json", tag="products", min_interval_s=_PRODUCTS_EVERY_S)
        return (Request(url=f"{base}/incidents.json", tag="incidents"), products)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:  # noqa: ARG002 - it dates nothing itself
        return _page(answers, "")

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        """Without the list of products, the catalogue's ids are taken to be on the dashboard."""
        page = _page(answers, ctx.hint(self.id).url.rstrip("/"))
        if "products" not in answers:
            seen = {row.id for row in page.rows}
            ids = ((i, c.name) for c in ctx.service.components for i in c.page_ids if i not in seen)
            page = replace(page, rows=(*page.rows, *(Row(i, name, State.OPERATIONAL) for i, name in ids)))
        return reading_of(self.id, _only_named(page, ctx), ctx)

    async def read_here(self, ctx: Context, net: Net) -> Reading:
        """The incidents, and the products where their list can be had."""
        incidents, products = self.requests(ctx)
        answers = {incidents.tag: (await net.fetch(incidents)).body}
        try:
            answers[products.tag] = (await net.fetch(products)).body
        except RateLimited:
            raise
        except SourceError:
            pass
        return self.answered(answers, ctx)


def _page(answers: Mapping[str, bytes], base: str) -> Page:
    """The products that either list names, each as bad as the worst open incident that is not about one place alone."""
    listed = decode_json(answers.get("incidents", b"") or next(iter(answers.values())), tuple[_Incident, ...])
    titles = {p.id: p.title for i in listed for p in i.affected_products}
    if "products" in answers:
        # Alone this list says what is on the dashboard: a product that left it is no longer spoken of.
        titles = {p.id: p.title for p in decode_json(answers["products"], _Products).products}
    going_on = [i for i in listed if not i.end][:_MOST_OPEN]
    open_ones = [i for i in going_on if i.affected_products]
    if any(i.state.is_fault for i in going_on if not i.affected_products):
        # It could be any product's: to call them all well because none is named would be a guess.
        msg = "an open incident does not say which products it is about"
        raise Malformed(msg)
    incidents = tuple(i.incident(base) for i in open_ones)
    states: dict[str, State] = {}
    for row in (row for i in incidents if i.region is None for row in i.rows):
        states[row.id] = worst((states.get(row.id, State.OPERATIONAL), row.state))
    rows = tuple(Row(id_, title, states.get(id_, State.OPERATIONAL)) for id_, title in titles.items())
    return Page(name="Google", rows=rows, incidents=incidents)


def _only_named(page: Page, ctx: Context) -> Page:
    """The page with the service's rows, all others as heads of groups, which are nobody's: it lists hundreds."""
    names = Names(ctx.service)
    return replace(page, rows=tuple(replace(r, group=not names.known(r.id, r.name)) for r in page.rows))


CLOUD = GoogleStatus("google_cloud")
WORKSPACE = GoogleStatus("google_workspace")
