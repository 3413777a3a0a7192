"""What machines ask of any role: does it live, is it ready, how is the cluster as seen from here.

A few lines of HTTP by hand: a monitor has no page, and should not need one to be looked at.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from secrets import compare_digest
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from stillup import __version__
from stillup.daemon.roles.beat import ROLES, Beat, present
from stillup.daemon.roles.said import words_of
from stillup.daemon.sockets import open_sockets
from stillup.errors import BusError

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.cluster.publish import Word
    from stillup.daemon.roles.beat import Beating
    from stillup.daemon.roles.role import Here
    from stillup.secret import Secret

_BACKLOG, _MOST_AT_ONCE, _MOST_OF_ONE = 64, 64, 16
_MOST_HEAD, _PATIENCE_S = 8_192, 5.0
_TEXT, _METRICS = "text/plain; charset=utf-8", "text/plain; version=0.0.4; charset=utf-8"

NOT_READY = "not ready:"
"""What a role says of itself under this name is why it cannot do its work."""

Answer = tuple[HTTPStatus, str, bytes]


class Health:
    """Listens at ``cluster.health`` from :meth:`start` to :meth:`stop`.

    ``works_alone``: the role serves without the bus, so one that is away for all must not take all of them out.
    """

    def __init__(
        self, config: Config, environ: Mapping[str, str], here: Here, beating: Beating, *, works_alone: bool = False
    ) -> None:
        from stillup.config.kinds import stays_here
        from stillup.web.token import find_metrics_token, find_token

        self._listen = config.cluster.health or ""
        self._here, self._beating, self._works_alone = here, beating, works_alone
        self._is_private = stays_here(f"http://{self._listen}")
        self._tokens: list[Secret] = []
        if not self._is_private:
            counts = find_metrics_token(config.web, environ)
            self._tokens += [counts] if counts is not None else []
            if counts is None or config.web.token_env or config.web.token_file:
                self._tokens.append(find_token(config.web, config.data_folder, environ))
        self._servers: list[asyncio.Server] = []
        self._at_once: Counter[str] = Counter()
        self.address = ""

    async def start(self) -> None:
        """Listen.

        :raises stillup.errors.UsageError: the address cannot be had.
        """
        sockets, _, self.address = open_sockets(self._listen, _BACKLOG, "cluster.health")
        self._servers = [await asyncio.start_server(self._answer, sock=s, limit=_MOST_HEAD) for s in sockets]

    async def stop(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who asks slowly from one place must not keep a container's own check out, which would end what is well.
        place = str((writer.get_extra_info("peername") or ("",))[0])
        self._at_once[place] += 1
        try:
            if self._at_once[place] <= _MOST_OF_ONE and self._at_once.total() <= self._most(place):
                async with asyncio.timeout(_PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(_response(*await self._say(head), with_body=not head.startswith(b"HEAD ")))
                    await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asks like that has no answer coming
        finally:
            self._at_once -= Counter((place,))
            writer.close()

    @staticmethod
    def _most(place: str) -> int:
        return _MOST_AT_ONCE + (_MOST_OF_ONE if _is_here(place) else 0)

    async def _say(self, head: bytes) -> Answer:
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"only GET\n"
        if self._is_private and not _is_here(headers.get("host", "")):
            return HTTPStatus.MISDIRECTED_REQUEST, _TEXT, b"asked by a name that is not this machine's\n"
        return await self._at(path, headers.get("authorization", ""))

    async def _at(self, path: str, authorization: str) -> Answer:
        if path == "/healthz":
            return HTTPStatus.OK, _TEXT, b"ok\n"
        if path == "/readyz":
            why = self.why_not_ready()
            status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
            return status, _TEXT, f"{f'not ready: {why}' if why else 'ready'}\n".encode()
        if path == "/metrics":
            if not self._may_read(authorization):
                return HTTPStatus.UNAUTHORIZED, _TEXT, b"a token is needed\n"
            return HTTPStatus.OK, _METRICS, await self._metrics()
        return HTTPStatus.NOT_FOUND, _TEXT, b"/healthz, /readyz, /metrics\n"

    def why_not_ready(self) -> str:
        """Why this process cannot do its work now; empty where it can."""
        if not (self._works_alone or self._here.bus.is_there):
            return "the bus does not answer"
        return self._here.beats.get(NOT_READY, "")

    def _may_read(self, authorization: str) -> bool:
        said = authorization.encode("latin-1")
        return self._is_private or any(compare_digest(said, t.bearer().reveal().encode()) for t in self._tokens)

    async def _metrics(self) -> bytes:
        try:
            async with asyncio.timeout(_PATIENCE_S / 2):
                beats, words = await present(self._here.bus), await words_of(self._here.bus)
        except (BusError, TimeoutError):
            beats, words = [], {}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Known(self._here, self._beating, beats, words))
        return b"".join([generate_latest(registry), *(told() for told in self._here.metrics)])


class _Known(Collector):
    def __init__(self, here: Here, beating: Beating, beats: list[Beat], words: Mapping[str, Word]) -> None:
        self._here, self._beating, self._beats, self._words = here, beating, beats, words

    def collect(self) -> Iterator[Metric]:
        here = self._here
        yield InfoMetricFamily(
            "stillup_replica", "This process", value={"replica": here.replica, "version": __version__}
        )
        yield GaugeMetricFamily("stillup_bus_up", "1 while the bus answers", value=float(here.bus.is_there))
        if self._beating.skew_s is not None:
            says = "Seconds this machine's clock is ahead of the bus's"
            yield GaugeMetricFamily("stillup_clock_skew_seconds", says, value=self._beating.skew_s)
        if not here.bus.is_there:
            return  # who is there cannot be said: that is not nobody
        there = GaugeMetricFamily("stillup_replicas", "Processes of each role that are there", labels=("role",))
        wanted = GaugeMetricFamily("stillup_replicas_expected", "As `cluster.expect` says", labels=("role",))
        for role in ROLES:
            there.add_metric((role,), sum(b.role == role for b in self._beats))
            wanted.add_metric((role,), getattr(here.config.cluster.expect, role))
        says = "Seconds since the minute of a service that was judged last"
        age, now = GaugeMetricFamily("stillup_judged_age_seconds", says, labels=("service",)), here.clock.now()
        for name, word in self._words.items():
            age.add_metric((name,), max(0.0, (now - word.at).total_seconds()))
        says = "Judged minutes of all monitors that wait for the database"
        waiting = sum(int(n) for b in self._beats if (n := b.says.get("unsaved", "")).isdecimal() and len(n) < 10)
        yield from (there, wanted, age, GaugeMetricFamily("stillup_unsaved_minutes", says, value=waiting))


def _is_here(host: str) -> bool:
    """Whether a request was meant for this machine by an address, not by a stranger's name that leads here."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _response(status: HTTPStatus, kind: str, body: bytes, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
