"""Claude Code's transcript rows: an answer for a request that worked, retries and an error for one that did not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from stillup.sim.draw import chance
from stillup.sim.stories import Stories
from stillup.sim.story import Happening, Story
from stillup.sim.wire.reply import millis
from stillup.sim.wire.sessions import lines

_RETRIES_S = (0.5, 1.5, 3.5, 8.5)
"""When the client notes its retries; a real one goes on for minutes."""
_LATEST_S = 20.0
_WORDS = {429: "rate_limit", 401: "authentication_failed", 402: "billing_error", 403: "permission_error"}
_MODEL = "claude-{}-simulated-1"


def rows(stories: Stories, after: datetime, until: datetime) -> list[bytes]:
    """The transcript's lines with ``after < timestamp <= until``, oldest first."""
    return lines(stories, stories.coder, _rows, _LATEST_S, (after, until))


def _rows(story: Story, request: Happening) -> Iterator[tuple[datetime, dict[str, object]]]:
    random = chance(story.scenario.seed, "transcript", request.name)
    head = {"sessionId": "simulated", "version": "2.1.0", "cwd": "/simulated"}
    request_id = f"req_{random.getrandbits(64):016x}"
    status = story.transcript_status(request)
    if status is None:
        at = request.at + timedelta(seconds=random.uniform(1, 8))
        model = _MODEL.format(request.model or "model")
        message = {"model": model, "role": "assistant", "content": [{"type": "text", "text": "Simulated."}]}
        yield at, head | _row("assistant", at) | {"requestId": request_id, "message": message}
        return
    for attempt, delay_s in enumerate(_RETRIES_S, 1):
        at = request.at + timedelta(seconds=delay_s)
        error = {"status": status, "message": "simulated failure", "requestID": request_id}
        yield at, head | _row("system", at) | {"subtype": "api_error", "retryAttempt": attempt, "error": error}
    at = request.at + timedelta(seconds=_RETRIES_S[-1] + 1)
    content = [{"type": "text", "text": f"API Error: {status} simulated failure"}]
    yield (
        at,
        head
        | _row("assistant", at)
        | {
            "isApiErrorMessage": True,
            "apiErrorStatus": status,
            "error": _WORDS.get(status, "server_error"),
            "requestId": request_id,
            "message": {"model": "<synthetic>", "role": "assistant", "content": content},
        },
    )


def _row(kind: str, at: datetime) -> dict[str, object]:
    return {"type": kind, "timestamp": millis(at)}
