"""How one source's site answers while it is itself broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from stillup.sim.draw import chance
from stillup.sim.modes import Mode
from stillup.sim.scenario import SourceFault
from stillup.sim.wire.provider import page_instead
from stillup.sim.wire.reply import JSON, Reply

_GARBAGE_BYTES = 512


def broken(fault: SourceFault, answer: Callable[[datetime], Reply], now: datetime) -> Reply:
    """What is answered ``now`` in place of ``answer(now)``; modes below HTTP are the server's own matter."""
    if fault.mode is Mode.STALE:
        return answer(fault.from_)
    if fault.mode is Mode.EMPTY:
        return Reply(body=b"", content_type=JSON)
    if fault.mode is Mode.WRONG_TYPE:
        garbage = chance("garbage", fault.source).randbytes(_GARBAGE_BYTES)
        return Reply(body=garbage, content_type="application/octet-stream")
    if fault.mode is Mode.BROKEN_JSON:
        whole = answer(now)
        return replace(whole, body=whole.body[: len(whole.body) // 2])
    page = page_instead(fault.mode)
    if page is None:
        return answer(now)
    after = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    return replace(page, headers=after)
