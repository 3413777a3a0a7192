"""StatusGator's API v3: the boards of an account, and the monitors on them.

``GET /boards`` lists boards, ``GET /boards/{id}/monitors`` their monitors, both as ``{success, data, pagination}``.
A monitor of a service mirrors that service's own page (``filtered_status``), so what it declares is official; its
``early_warning_signal`` comes from users and is counted, one for each reading that shows it.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from msgspec import Struct

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import State
from stillup.model.signal import Alive, Counted, Declared, Signal
from stillup.net import Net, Request
from stillup.sources.base import Context, HttpSource, Link, Reading
from stillup.sources.decode import decode_json
from stillup.sources.pages.words import StateWord

_API = "https://statusgator.com/api/v3"
_MOST_BOARDS, _MOST_PAGES, _PER_PAGE = 5, 5, 100
_FALSE_WARNINGS = 0.0001
"""Early warnings expected in one quiet reading: next to none, so that a single one counts for much."""
_NOT_WORD = re.compile(r"[\W_]+")


class _Status(StateWord):
    UP = "up", State.OPERATIONAL
    WARN = "warn", State.DEGRADED
    DOWN = "down", State.MAJOR_OUTAGE
    MAINTENANCE = "maintenance", State.MAINTENANCE
    UNKNOWN = "unknown", State.UNKNOWN


class _Paging(Struct, frozen=True):
    next_page: int | None = None


class _Board(Struct, frozen=True):
    id: str


class _Boards(Struct, frozen=True):
    success: bool
    data: tuple[_Board, ...]


class _Followed(Struct, frozen=True):
    slug: str = ""
    name: str = ""


class _Monitor(Struct, frozen=True):
    display_name: str
    filtered_status: _Status
    monitor_type: str = "ServiceMonitor"
    early_warning_signal: bool = False
    paused_at: str | None = None
    service: _Followed | None = None


class _Monitors(Struct, frozen=True):
    success: bool
    data: tuple[_Monitor, ...]
    pagination: _Paging | None = None


class StatusGator(HttpSource):
    """One account's monitors of one service."""

    id = "statusgator"

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """The first request: the monitors of the configured ``board``, else the account's boards."""
        board = ctx.setting.options.get("board")
        return (_monitors(ctx, str(board), 1) if board else _request(ctx, "/boards", "boards"),)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read one page of monitors.

        :raises NotConfigured: none of them follows the service.
        """
        if tag == "boards":
            return Reading(says=f"{len(_boards(body))} boards")
        return _reading(_page(body).data, ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        (first,) = self.requests(ctx)
        answer = await net.fetch(first)
        if first.tag == "monitors":
            return _reading(await _all_pages(ctx, net, str(ctx.setting.options["board"]), answer.body), ctx)
        boards = _boards(answer.body)[:_MOST_BOARDS]
        answers = await net.fetch_all(tuple(_monitors(ctx, board, 1) for board in boards))
        found: list[_Monitor] = []
        for board, page in zip(boards, answers, strict=True):
            found += await _all_pages(ctx, net, board, page.body)
        return _reading(tuple(found), ctx)


async def _all_pages(ctx: Context, net: Net, board: str, body: bytes) -> tuple[_Monitor, ...]:
    """The monitors of the first page and of the next few: the paging is the server's word, the bound ours."""
    page = _page(body)
    found = list(page.data)
    for number in range(2, _MOST_PAGES + 1):
        if page.pagination is None or page.pagination.next_page is None:
            break
        page = _page((await net.fetch(_monitors(ctx, board, number))).body)
        found += page.data
    return tuple(found)


def _monitors(ctx: Context, board: str, page: int) -> Request:
    return _request(ctx, f"/boards/{quote(board, safe='')}/monitors", "monitors", page)


def _request(ctx: Context, path: str, tag: str, page: int = 1) -> Request:
    key = ctx.setting.key
    if key is None:
        msg = "StatusGator needs an API token (STATUSGATOR_TOKEN)"
        raise NotConfigured(msg)
    return Request(
        url=f"{(ctx.setting.base_url or _API).rstrip('/')}{path}",
        params=(("per_page", str(_PER_PAGE)), ("page", str(page))),
        headers=(("Authorization", key.bearer()), ("Accept", "application/json")),
        tag=tag,
    )


def _boards(body: bytes) -> list[str]:
    answer = decode_json(body, _Boards)
    _check(success=answer.success)
    if not answer.data:
        msg = "the StatusGator account has no board"
        raise NotConfigured(msg)
    return [b.id for b in answer.data]


def _page(body: bytes) -> _Monitors:
    answer = decode_json(body, _Monitors)
    _check(success=answer.success)
    return answer


def _check(*, success: bool) -> None:
    if not success:
        msg = "StatusGator says that the request failed"
        raise Malformed(msg)


def _follows(monitor: _Monitor, ctx: Context) -> bool:
    """Whether a monitor mirrors the service's page: by slug, else by its name. A person's own pings do not count."""
    if monitor.monitor_type not in ("ServiceMonitor", "service") or monitor.paused_at is not None:
        return False
    slug = ctx.hint("statusgator").slug
    if monitor.service and monitor.service.slug:
        return monitor.service.slug == slug
    wanted = {_plain(n) for n in (ctx.service.name, ctx.service.id, slug) if n}
    return bool({_plain(monitor.display_name), _plain(monitor.service.name if monitor.service else "")} & wanted)


def _plain(name: str) -> str:
    return " ".join(_NOT_WORD.split(name[:200].lower())).strip()


def _reading(monitors: tuple[_Monitor, ...], ctx: Context) -> Reading:
    ours = [m for m in monitors if _follows(m, ctx)]
    if not ours:
        msg = f"no monitor of the StatusGator account follows {ctx.service.name}"
        raise NotConfigured(msg)
    status = max((m.filtered_status for m in ours), key=lambda s: (s.state.severity, s is not _Status.UNKNOWN))
    warned = any(m.early_warning_signal for m in ours)
    name, now = ctx.service.id, ctx.now
    signals: list[Signal] = [
        Declared(at=now, service=name, source="statusgator", state=status.state),
        Alive(at=now, service=name, source="statusgator"),
    ]
    if warned:
        signals.append(_warning(ctx))
    link = ctx.hint("statusgator").link
    return Reading(
        signals=tuple(signals),
        says=f"StatusGator: {status.value}{', early warning from users' if warned else ''}",
        links=(Link(link, "StatusGator"),) if link else (),
    )


def _warning(ctx: Context) -> Counted:
    return Counted(
        at=ctx.now,
        service=ctx.service.id,
        source="statusgator",
        window_s=min(max(1, ctx.setting.interval_s), 7 * 86_400),
        count=1,
        expected=_FALSE_WARNINGS,
        id=f"statusgator:{ctx.now.isoformat()}:early_warning",
    )


SOURCE = StatusGator()
