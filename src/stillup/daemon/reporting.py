"""A report on its way: to the page of this machine where one runs, else to the hub that the configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.daemon.running import Running, Told
from stillup.errors import RateLimited, Refused, SourceError, Unreachable
from stillup.hub.values import CrowdReport
from stillup.net import Net, Request
from stillup.secret import Secret
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config

_PATH = "/api/v1/reports"
_WHY = {
    401: "it wants a token: `sources.hub.key_env` names the variable that holds it",
    403: "it takes no reports",
    404: "it takes no reports of that service",
    405: "it takes no reports",
}


class Delivered(Struct, frozen=True, kw_only=True):
    """What became of a report. ``to`` is the address it was sent to, empty where nobody answered."""

    taken: bool
    to: str = ""
    reason: str = ""
    says: str = ""
    retry_after_s: float | None = None


async def deliver(
    report: CrowdReport, config: Config, environ: Mapping[str, str], clock: Clock, to: str = ""
) -> Delivered:
    """Send a report: to ``to``, else to the page that runs here, else to the hub of ``sources.hub.base_url``."""
    body = msgspec.json.encode({k: v for k, v in msgspec.to_builtins(report).items() if v is not None})
    hub = config.setting("hub", report.service, environ)
    if to:
        return await _send(to, body, clock, hub.key if hub.base_url == to else None)
    page = Running(config, environ)
    told = await page.ask(_PATH, body)
    if told is not None and _is_ours(told) and not (told.status == 404 and hub.base_url):
        says = clean(str(told.value.get("says") or told.value.get("detail") or ""), 300)
        kind = str(told.value.get("reason") or told.value.get("type") or "").rpartition("#")[2]
        taken = 200 <= told.status < 300
        return Delivered(taken=taken, to=page.base or "", reason=clean(kind, 60), says=says or f"HTTP {told.status}")
    if hub.base_url:
        return await _send(hub.base_url, body, clock, hub.key)
    where = page.base or config.web.listen
    says = f"nobody takes reports: no page answers at {where} (`stillup up` starts one), and no hub is configured"
    return Delivered(taken=False, reason="nobody", says=f"{says} (`sources.hub.base_url`, or --to URL)")


def _is_ours(told: Told) -> bool:
    """Whether it is a stillup that answers, and no other program at its address."""
    return "says" in told.value or str(told.value.get("type", "")).startswith(("/api#", "about:"))


async def _send(base: str, body: bytes, clock: Clock, key: Secret | None) -> Delivered:
    base = base.rstrip("/")
    headers = (("Authorization", key.bearer()),) if key is not None else ()
    try:
        async with Net(clock) as net:
            answer = await net.fetch(Request(url=base + _PATH, json=body, headers=headers, max_bytes=65_536))
    except RateLimited as exc:
        says = "you, or your network, have reported a lot just now"
        return Delivered(taken=False, to=base, reason="too_many", says=says, retry_after_s=exc.retry_after_s)
    except Unreachable as exc:
        return Delivered(taken=False, reason="nobody", says=str(exc))
    except Refused as exc:
        return Delivered(taken=False, to=base, reason="refused", says=_WHY.get(exc.status, str(exc)))
    except SourceError as exc:
        return Delivered(taken=False, to=base, reason="refused", says=str(exc))
    return _taken(base, answer.body)


class _Taken(Struct):
    reason: str
    says: str = ""


def _taken(base: str, body: bytes) -> Delivered:
    try:
        told = msgspec.json.decode(body, type=_Taken)
    except msgspec.DecodeError:
        return Delivered(taken=False, to=base, reason="refused", says=f"{base} is no stillup that takes reports")
    return Delivered(taken=True, to=base, reason=clean(told.reason, 60), says=clean(told.says, 300))
