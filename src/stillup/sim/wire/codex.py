"""Codex's rollout rows: a turn that was answered, or one that was given up with an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from stillup.sim.draw import chance
from stillup.sim.stories import Stories
from stillup.sim.story import Happening, Story
from stillup.sim.wire.reply import millis
from stillup.sim.wire.sessions import lines

SERVICE = "chatgpt"
_LATEST_S = 40.0
_GIVEN_UP_S = 30.0
"""How long Codex tries before it ends a turn."""
_SENTENCES = {
    429: ("exceeded retry limit, last status: 429 Too Many Requests", {"response_too_many_failed_attempts": 429}),
    401: ("unexpected status 401 Unauthorized: simulated failure", {"http_connection_failed": 401}),
    503: ("Selected model is at capacity. Please try a different model.", "server_overloaded"),
}
_OTHER = ("We’re currently experiencing high demand, which may cause temporary errors.", "internal_server_error")


def rows(stories: Stories, after: datetime, until: datetime) -> list[bytes]:
    """The rollout's lines with ``after < timestamp <= until``, oldest first."""
    return lines(stories, stories.of(SERVICE), _rows, _LATEST_S, (after, until))


def _rows(story: Story, request: Happening) -> Iterator[tuple[datetime, dict[str, object]]]:
    random = chance(story.scenario.seed, "rollout", request.name)
    turn = f"turn-{random.getrandbits(64):016x}"
    status = story.transcript_status(request)
    if status is None:
        at = request.at + timedelta(seconds=random.uniform(1, 8))
        response = f"resp_{random.getrandbits(64):016x}"
        usage = {"turn_id": turn, "response_id": response, "usage": {"total_tokens": 12}}
        yield at, _row("token_usage_record", at, usage)
        yield at, _row("event_msg", at, {"type": "task_complete", "turn_id": turn, "last_agent_message": "Simulated."})
        return
    at = request.at + timedelta(seconds=_GIVEN_UP_S)
    message, info = _SENTENCES.get(status, _OTHER)
    named = {k: {"http_status_code": v} for k, v in info.items()} if isinstance(info, dict) else info
    error = {"message": message, "codex_error_info": named}
    yield at, _row("event_msg", at, {"type": "task_complete", "turn_id": turn, "error": error})


def _row(kind: str, at: datetime, payload: Mapping[str, object]) -> dict[str, object]:
    return {"timestamp": millis(at), "type": kind, "payload": payload}
