"""Where other installations share their counts, and are given sums of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from stillup.catalog.load import catalogue
from stillup.catalog.models import models
from stillup.hub.pooling import WINDOW_S, K
from stillup.hub.values import Batch, PoolDesk, PoolWindow, Tally
from stillup.sources.decode import clean
from stillup.web.access import Access, client_address
from stillup.web.api.openapi import PREFIX, TAG
from stillup.web.api.query import only
from stillup.web.problems import HANDLERS, Refusal, spec
from stillup.web.reply import reply
from stillup.web.reports import check_json, refusal_of, too_deep

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

MOST_BYTES = 32_768
_Request = Request[Any, Any, Any]
_Of = Annotated[str, QueryParameter(description="The provider: a service", pattern="^[a-z0-9][a-z0-9-]{0,39}$")]


class Shared(Struct, frozen=True, kw_only=True):
    """What became of the counts."""

    reason: Annotated[str, Meta(description="`admitted`, or `folded`: that name had shared these minutes already")]


class PoolCounts(Struct, frozen=True, kw_only=True):
    """Sums of what installations counted."""

    service: str
    k: Annotated[int, Meta(description="A sum is of so many installations at least")] = K
    window_s: Annotated[int, Meta(description="Seconds that a window covers")] = WINDOW_S
    windows: Annotated[tuple[PoolWindow, ...], Meta(description="The last half hour, oldest first")]


_BATCH = {
    400: spec("Something in it is not allowed; `allowed` says what is"),
    403: spec("It comes from a page of another site"),
    404: spec("No counts are taken here"),
    410: spec("Its five minutes are over since long, not over yet, or no five minutes of the clock"),
    413: spec("It is longer than any batch"),
    415: spec("It is not sent as application/json"),
    429: spec("The sender has shared a lot just now; `Retry-After` says how long to wait"),
    503: spec("They cannot be kept just now; `Retry-After` says how long to wait"),
}
_COUNTS = {
    400: spec("A parameter is missing or not allowed; `allowed` says what is"),
    404: spec("No such service is known, or no counts are taken here"),
}


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``POST /api/v1/pool`` · ``GET /api/v1/pool/counts``."""
    access = Access(site.settings, site.token)

    no_query = only()

    async def is_ours(connection: Any, handler: Any) -> None:  # noqa: ANN401 - as Litestar calls guards
        await no_query(connection, handler)
        check_json(access, connection, MOST_BYTES)

    @post(
        "/pool",
        operation_id="share",
        summary="Share counts",
        status_code=202,
        guards=[is_ours],
        responses=_BATCH,
        include_in_schema=True,
    )
    async def share(request: _Request, data: JSONBody[Batch]) -> Response[Shared]:
        """Share how many requests of an installation worked and failed; they are given out in sums of ten and more."""
        pool = _pool(site)
        sender = client_address(request.scope, site.settings.trusted_proxies)
        batch = structs.replace(data, tallies=tuple(t for t in data.tallies if _is_public(t)))
        admission = await pool.take(batch, sender, site.clock.now())
        if not admission.ok:
            raise refusal_of(admission, _SAYS.get(admission.status, admission.says))
        return Response(Shared(reason=admission.reason.value), status_code=202, headers={"Cache-Control": "no-store"})

    @get(
        "/pool/counts",
        operation_id="pool_counts",
        summary="How do shared requests fare?",
        guards=[only("service")],
        responses=_COUNTS,
        sync_to_thread=False,
        include_in_schema=True,
    )
    def counts(request: _Request, service: _Of) -> Response[PoolCounts]:
        """How many requests worked and failed, by model, over all installations that share; none of fewer than ten."""
        pool = _pool(site)
        if service not in catalogue():
            detail = f"No service called {clean(service, 40)!r} is known."
            raise Refusal(404, "unknown-service", detail, tuple(catalogue()))
        told = PoolCounts(service=service, windows=pool.sums(service, site.clock.now()))
        return cast("Response[PoolCounts]", reply(request, msgspec.json.encode(told), "application/json"))

    handled = {**HANDLERS, RecursionError: too_deep}
    return [Router(PREFIX, route_handlers=[share, counts], exception_handlers=handled, tags=[TAG])]


_SAYS = {
    410: "Those are no five minutes that have just ended.",
    503: "The counts cannot be kept just now.",
}


def _pool(site: Site) -> PoolDesk:
    if site.pool is None:
        detail = "No counts are taken here."
        raise Refusal(404, "closed", detail)
    return site.pool


def _is_public(tally: Tally) -> bool:
    """Whether everybody knows the provider and the model; a name that is one installation's own is dropped."""
    return tally.service in catalogue() and (tally.model is None or tally.model in models())
