"""Which address of the world's own server answers in which format. Pure: a request and the time in, a reply out.

Below ``/SOURCE/`` stands the site of that source, in ``sim/wire/SOURCE.py``. A platform of status pages has
``page(path, site, now)`` there, and its services stand below it: ``/SOURCE/SERVICE/…``. Any other site has
``answer(desk, visit, rest)``. A site that is no plain question and answer (a socket that stays open) has
``serve(desk, request, clock)`` instead, which the world itself calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from msgspec import Struct

from stillup.catalog.load import Service, catalogue
from stillup.sim.page import page_at
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.wire import downdetector, google_trends, hackernews, reddit, statusgator, statuspage
from stillup.sim.wire.reply import Reply, json_reply, not_found


class Visit(Struct, frozen=True, kw_only=True):
    """One request: the path, the query, the headers (names in lower case), what was sent, and when."""

    path: str
    method: str = "GET"
    body: bytes = b""
    params: Mapping[str, str]
    headers: Mapping[str, str]
    base_url: str
    now: datetime

    @property
    def has_token(self) -> bool:
        """Whether a bearer token came with it; any will do."""
        return self.headers.get("authorization", "").lower().startswith("bearer ")


class Desk:
    """All sites of the world behind one server."""

    def __init__(self, told: Story | Stories) -> None:
        self.stories = told if isinstance(told, Stories) else Stories(told)

    @cached_property
    def service(self) -> Service:
        """The scenario's own service."""
        return catalogue()[self.stories.scenario.service]

    def reply(self, visit: Visit) -> Reply:
        """The answer to one request; 404 for an address nobody has."""
        for prefix, site in _SITES.items():
            if visit.path.startswith(prefix):
                return site(self, visit, visit.path.removeprefix(prefix))
        name, _, rest = visit.path.removeprefix("/").partition("/")
        module = site_of(name)
        if module is None:
            return not_found()
        if hasattr(module, "page"):
            return self._page(module.page, name, visit, rest)
        reply: Reply = module.answer(self, visit, rest)
        return reply

    def _page(self, page: PageReply, source: str, visit: Visit, rest: str) -> Reply:
        service_id, _, path = rest.partition("/")
        service = catalogue().get(service_id)
        if service is None:
            return not_found()
        return page(f"/{path}", self.page_site(service, f"{visit.base_url}/{source}", visit.now), visit.now)

    def story_of(self, service_id: str) -> Story:
        """What happens to a service: what the scenario tells of it, else an uneventful day."""
        return self.stories.of(service_id)

    def page_site(self, service: Service, base_url: str, now: datetime) -> statuspage.Site:
        """One service's status page as it stands; ``base_url`` is the platform's."""
        shown = [c.id for c in statuspage.shown(service)]
        scenario = self.story_of(service.id).scenario
        page = page_at(f"{scenario.id}:{service.id}", scenario.official, shown, now, statuspage.BORN)
        return statuspage.Site(service, page, f"{base_url}/{service.id}")


PageReply = Callable[[str, statuspage.Site, datetime], Reply]


@cache
def site_of(name: str) -> ModuleType | None:
    """The module of a source's site; None where the world has none."""
    module = f"stillup.sim.wire.{name}"
    if not re.fullmatch(r"[a-z_]{1,40}", name) or find_spec(module) is None:
        return None
    found = import_module(module)
    return found if any(hasattr(found, way) for way in ("page", "answer", "serve")) else None


def _trends(desk: Desk, visit: Visit, rest: str) -> Reply:
    if rest.rstrip("/") not in ("trending/rss", "rss"):
        return not_found()
    return google_trends.reply(desk.stories, visit.params.get("geo", "US")[:2].upper(), visit.now)


def _reddit(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``/r/{communities}/new`` with a token, ``/r/{communities}/new/.rss`` without."""
    communities, _, what = rest.partition("/")
    if what.strip("/") == "new/.rss":
        return reddit.feed(desk.stories, communities, visit.now)
    if what.strip("/") not in ("new", "new.json"):
        return not_found()
    if not visit.has_token:
        return json_reply({"message": "Unauthorized", "error": 401}, status=401)
    return reddit.listing(desk.stories, communities, visit.now, visit.params)


def _hackernews(desk: Desk, visit: Visit, rest: str) -> Reply:
    if rest != "search_by_date":
        return not_found()
    return hackernews.reply(desk.stories, visit.now, visit.params)


def _downdetector(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``companies/search``, ``companies/{id}`` and ``companies/{id}/indicators``."""
    if not visit.has_token:
        return json_reply({"error": True, "message": "Unauthorized"}, status=401)
    if rest == "companies/search":
        return downdetector.search(visit.params)
    found = re.fullmatch(r"companies/(\d{1,9})(/indicators)?", rest)
    service = downdetector.companies().get(int(found[1])) if found else None
    if found is None or service is None:
        return json_reply({"error": True, "message": "Not found"}, status=404)
    story = desk.story_of(service.id)
    if found[2]:
        return downdetector.indicators(story, visit.params, visit.now)
    return downdetector.company(story, int(found[1]), service, visit.now)


def _statusgator(desk: Desk, visit: Visit, rest: str) -> Reply:
    if not visit.has_token:
        return json_reply({"success": False, "error": "Unauthorized"}, status=401)
    sites, warned = [], set()
    for service in (s for s in catalogue().values() if "statusgator" in s.sources):
        mirror = desk.story_of(service.id).scenario.statusgator
        then = visit.now - timedelta(seconds=mirror.delay_s)
        sites.append(desk.page_site(service, f"{visit.base_url}/statuspage", then))
        if any(w.from_ <= visit.now < w.to for w in mirror.early_warnings):
            warned.add(service.id)
    return statusgator.reply(f"/{rest}", sites, warned, visit.now)


_SITES: dict[str, Callable[[Desk, Visit, str], Reply]] = {
    "/trends/": _trends,
    "/reddit/r/": _reddit,
    "/reddit-oauth/r/": _reddit,
    "/hn/api/v1/": _hackernews,
    "/downdetector/v2/": _downdetector,
    "/statusgator/api/v3/": _statusgator,
}
