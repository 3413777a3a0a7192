"""Where everything is in ``stillup up``: what its start screen says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.catalog.clients import clients
from stillup.catalog.load import Service
from stillup.registry import SOURCES, usable_sources
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.config import Config

_CLIENT = "claude-code"


class Places(Struct, frozen=True, kw_only=True):
    """What runs here, and where. Empty is what does not run."""

    services: tuple[str, ...]
    """Names of those watched."""
    data: str
    page: str = ""
    public: bool = False
    """The page can be read by anybody who reaches it."""
    token: Secret | None = None
    """What opens the chat; shown on a terminal alone."""
    token_at: str = ""
    """Where it is kept."""
    gateway: str = ""
    upstreams: tuple[str, ...] = ()
    client: str = ""
    """The line that sends Claude Code through the gateway."""
    saves: bool = False
    reports: bool = False
    """Crowd reports are taken."""
    alerts: str = ""
    """Where alerts go; empty: nowhere."""
    keyless: tuple[str, ...] = ()
    """Names of sources that are not read for want of a key."""

    @property
    def chat(self) -> str:
        """The chat's address without its token; empty without a gateway or a page."""
        return f"{self.page}/chat" if self.page and self.gateway else ""

    @property
    def metrics(self) -> str:
        """Where Prometheus asks."""
        return f"{self.page or self.gateway}/metrics" if self.page or self.gateway else ""

    def rows(self, *, secrets: bool) -> Iterator[tuple[str, str]]:
        """Each thing and where it is; ``secrets``: whether the token may be shown."""
        if self.page:
            yield "Page", self.page + (" (open to everybody)" if self.public else "")
        if self.chat:
            yield "Chat", self._chat(secrets=secrets)
        if self.gateway:
            names = ", ".join(self.upstreams) or "none yet: `stillup gateway plan` says what to set"
            yield "Gateway", f"{self.gateway} · upstreams: {names}" + ("" if self.saves else " · nothing is saved")
        if self.client:
            yield "Claude Code", self.client
        if self.metrics:
            yield "Metrics", self.metrics
        yield "Watching", ", ".join(self.services) or "nothing"
        if self.keyless:
            yield "No key for", f"{', '.join(self.keyless)} (`stillup doctor` says more)"
        if self.page:
            yield "Reports", "taken" if self.reports else "not taken"
        yield "Alerts", self.alerts or "none: `[alerts]` in the configuration, or `stillup watch --notify URL`"
        yield "Data", self.data

    def _chat(self, *, secrets: bool) -> str:
        if self.token is None:
            return self.chat
        return f"{self.chat}?token={self.token.reveal()}" if secrets else f"{self.chat} (its token: {self.token_at})"


def client_line(gateway: str, *, with_users: bool) -> str:
    """What a shell must be told for Claude Code to go through the gateway."""
    if not gateway or with_users or _CLIENT not in clients():
        return ""
    return " ".join(f"{name}={value}" for name, value in clients()[_CLIENT].filled(gateway).items())


def keyless(config: Config, services: Iterable[Service], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the sources that some service has and that are not read for want of a key."""
    wanting = [spec for spec in usable_sources() if spec.key_required]
    those = [
        spec.id
        for spec in wanting
        if all(_lacks(config, spec.id, service.id, environ) for service in services if spec.id in service.sources)
        and any(spec.id in service.sources for service in services)
    ]
    return tuple(SOURCES[source].title for source in those)


def _lacks(config: Config, source: str, service: str, environ: Mapping[str, str]) -> bool:
    setting = config.setting(source, service, environ)
    return setting.enabled and setting.key is None
