"""The few paths that are the gateway's own: is it alive, how are its upstreams, its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stillup import __version__
from stillup.gateway.choices import PATH as CHOICES_PATH
from stillup.gateway.choices import Offered, choices
from stillup.gateway.core.values import Protocol, Target
from stillup.gateway.dialects.bases import base_of
from stillup.gateway.statuspage import counts

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.values import Headers
    from stillup.gateway.dialects.base import UpstreamSpec
    from stillup.gateway.plan import GatewayPlan
    from stillup.gateway.wire.server import Connection

HEALTH_PATHS = ("/", "/healthz", "/readyz", "/api/hello")
"""Anybody may ask whether it is alive; the last is where Claude Code asks Anthropic."""
STATUS_PATH = "/stillup/status"
JSON: Headers = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_METRICS: Headers = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)
_BRINGS_A_BODY = (b"content-length", b"transfer-encoding")
_READS = ("GET", "HEAD")
_CLIENTS = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI)


def is_open_to_all(path: str | None, headers: Headers) -> bool:
    """Whether a request needs no token: it asks whether the gateway is alive, and brings no body to be held."""
    brings = (value.strip() != b"0" for name, value in headers if name.lower() in _BRINGS_A_BODY)
    return path in HEALTH_PATHS and not any(brings)


def path_of(target: bytes) -> tuple[str | None, str]:
    """Path and query of a request's target; None for what is no path (an absolute URL, an asterisk)."""
    path, _, query = target.decode("latin-1").partition("?")
    return (path if path.startswith("/") else None), query.partition("#")[0]


class OwnPages:
    """Answers them."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._targets = _targets(gateway.plan)
        self._choices: bytes | None = None

    def answer(self, connection: Connection, method: str, path: str) -> bool:
        """Answer if the path is one of ours; OPTIONS is ours everywhere (no web page may call: no CORS headers)."""
        if method == "OPTIONS":
            connection.answer(204, ((b"allow", b"GET, HEAD, POST, DELETE, OPTIONS"),))
            return True
        if method not in _READS:
            return False
        if path == "/readyz" and self._gateway.is_leaving:
            connection.answer(503, JSON, b'{"status":"stopping","service":"stillup gateway"}')
        elif path in HEALTH_PATHS:
            connection.answer(200, JSON, b'{"status":"ok","service":"stillup gateway"}')
        elif path == "/metrics":
            connection.answer(200, _METRICS, self._gateway.seen.render())
        elif path == STATUS_PATH:
            connection.answer(200, JSON, self._status())
        elif path == CHOICES_PATH:
            connection.answer(200, JSON, self._offered())
        else:
            return False
        return True

    def _offered(self) -> bytes:
        """Made when it is first asked for: the plan does not change."""
        if self._choices is None:
            plan, kept = self._gateway.plan, self._gateway.keeps
            self._choices = msgspec.json.encode(Offered(choices=choices(plan), missing=plan.missing, kept=kept))
        return self._choices

    def _status(self) -> bytes:
        gateway = self._gateway
        journal = gateway.journal
        return msgspec.json.encode(
            {
                "version": __version__,
                "address": gateway.address,
                "in_flight": gateway.in_flight,
                "waiting": gateway.waiting,
                "upstreams": [
                    {
                        "id": u.id,
                        "protocol": u.protocol.value,
                        "base_url": _shown(u),
                        "key": u.key is not None,
                        "service": u.service,
                    }
                    for u in gateway.plan.upstreams
                ],
                "chains": gateway.plan.upstream_chains,
                "missing": gateway.plan.missing,
                "targets": gateway.desk.status(gateway.now(), self._targets),
                "spent_usd": gateway.seen.spent_usd(),
                "drills": gateway.faults.shown(),
                "replica": gateway.replica(),
                "later": counts(gateway.later.items, gateway.later.trouble),
                "journal": {
                    "on": gateway.keeps,
                    "folder": str(journal.folder) if gateway.keeps else None,
                    "written_bytes": journal.written_bytes,
                    "trouble": journal.trouble or None,
                },
            }
        )


def _shown(upstream: UpstreamSpec) -> str:
    """Where it is, without what a base URL out of the environment may hold beside that."""
    base = base_of(upstream)
    return base.origin + base.path


def _targets(plan: GatewayPlan) -> tuple[Target, ...]:
    """What the routes name, so that its health is shown before it was asked."""
    links = (link for r in plan.routes for protocol in _CLIENTS for link in plan.links(protocol, r.match))
    return tuple(dict.fromkeys(link.target for link in links if link.target is not None))
