"""``/risk``: what is depended on here, and what would take it down. Behind the token; nothing is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.params import FromQuery  # noqa: TC002  litestar reads it at run time
from litestar.response import Response

from stillup.catalog.load import capabilities
from stillup.errors import StillupError
from stillup.model.service import Capability
from stillup.risk import words
from stillup.web.draw.depend import dependencies
from stillup.web.draw.downtime import downtime
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.risk.survey import Risk
    from stillup.web.site import Site

_NO_STORE = {"cache-control": "no-store"}
_MOST_GAINS = 4
_TASKS = {task.value: task for task in Capability}


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/risk`` (what is needed here) and ``/risk?task=coding`` (one task)."""

    @get("/risk")
    async def shown(task: FromQuery[str] = "") -> Response[bytes]:
        return await asyncio.to_thread(_shown, site, _TASKS.get(task))

    return [shown]


def _shown(site: Site, task: Capability | None) -> Response[bytes]:
    risk: Risk | None = None
    trouble = ""
    if site.risk is None:
        trouble = "Nothing is known here of what you depend on: that belongs to `stillup up` and `stillup run web`."
    else:
        try:
            risk = site.risk(task)
        except StillupError as exc:
            trouble = str(exc)
    surveyed = risk.surveyed if risk else ()
    body = render(
        "risk.html",
        site=site,
        found=risk,
        trouble=trouble,
        said=words,
        task=task.value if task else "",
        tasks=[(one.id.value, one.title) for one in capabilities().values()],
        picture=dependencies(surveyed),
        needs=[(one, downtime(one)) for one in surveyed],
        most=_MOST_GAINS,
    )
    return Response(body, media_type=MediaType.HTML, headers=_NO_STORE)
