"""Which address of the world's own server answers in which format. Pure: a request and the time in, a reply out.

Below ``/SOURCE/`` stands the site of that source, in ``sim/wire/SOURCE.py``. A platform of status pages has
``page(path, site, now)`` there, and its services stand below it: ``/SOURCE/SERVICE/…``. Any other site has
``answer(desk, visit, rest)``. A site that is no plain question and answer (a socket that stays open) has
``serve(desk, request, clock)`` instead, which the world itself calls. A site may also have ``concerns(visit, rest)``:
the services a request is about, so that it can fail for one of them alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import Service, catalogue
from stillup.sim.page import page_at
from stillup.sim.scenario import SourceFault
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.wire import statuspage
from stillup.sim.wire.broken import broken
from stillup.sim.wire.reply import Reply, not_found


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
        """The answer to one request; 404 for an address nobody has, something worse where the site is broken."""
        fault = self.fault(visit)
        if fault is None:
            return self._answer(visit)
        return broken(fault, lambda then: self._answer(replace(visit, now=then)), visit.now)

    def fault(self, visit: Visit) -> SourceFault | None:
        """What is wrong with the site that is asked, for whatever the request is about."""
        if not self.stories.scenario.sources:
            return None
        source, rest = place_of(visit.path)
        concerns = _concerns(source)
        return self.stories.source_fault(source, concerns(visit, rest) if concerns else (), visit.now)

    def _answer(self, visit: Visit) -> Reply:
        source, rest = place_of(visit.path)
        module = site_of(source)
        if module is None:
            return not_found()
        if hasattr(module, "page"):
            return self._page(module.page, source, visit, rest)
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


_ROOTS = {"trends": "google_trends", "reddit-oauth": "reddit", "hn": "hackernews"}
"""Where the sites stand that do not stand below their source's id."""
PageReply = Callable[[str, statuspage.Site, datetime], Reply]
Concerns = Callable[[Visit, str], Collection[str]]


def place_of(path: str) -> tuple[str, str]:
    """Whose site a path is on, and what of it lies below that site's root."""
    root, _, rest = path.removeprefix("/").partition("/")
    return _ROOTS.get(root, root), rest


def fails_by_service(source: str) -> bool:
    """Whether the site can tell which service a request is about."""
    return _concerns(source) is not None


def _concerns(source: str) -> Concerns | None:
    module = site_of(source)
    own: Concerns | None = getattr(module, "concerns", None)
    return own or (_of_page if hasattr(module, "page") else None)


def _of_page(visit: Visit, rest: str) -> Collection[str]:  # noqa: ARG001 - as every site's is called
    return (rest.partition("/")[0],)


@cache
def site_of(name: str) -> ModuleType | None:
    """The module of a source's site; None where the world has none."""
    module = f"stillup.sim.wire.{name}"
    if not re.fullmatch(r"[a-z_]{1,40}", name) or find_spec(module) is None:
        return None
    found = import_module(module)
    return found if any(hasattr(found, way) for way in ("page", "answer", "serve")) else None
