"""Gemini CLI's chat rows: an answer, or the sentence its terminal shows for a request that failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from stillup.sim.draw import chance
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Happening, Story
from stillup.sim.wire.reply import millis

SERVICE = "gemini"
_LATEST_S = 60.0
_GIVEN_UP_S = 45.0
_SENTENCES = {
    429: "[API Error: You have exhausted your capacity on this model. Your quota will reset after 1h30m0s.]",
    401: "[API Error: Request had invalid authentication credentials. (Status: UNAUTHENTICATED)]",
    503: "[API Error: The model is overloaded. Please try again later. (Status: UNAVAILABLE)]",
    504: "[API Error: Deadline expired before operation could complete. (Status: DEADLINE_EXCEEDED)]",
}
_OTHER = "[API Error: An internal error has occurred. (Status: INTERNAL)]"


def rows(stories: Stories, after: datetime, until: datetime) -> list[bytes]:
    """The chat's lines with ``after < timestamp <= until``, oldest first."""
    story = stories.of(SERVICE)
    requests = story.happened(Stream.REQUESTS, after - timedelta(seconds=_LATEST_S), until)
    found = [row for request in requests if not stories.is_cut_off(request.at) for row in _rows(story, request)]
    found.sort(key=lambda r: r[0])
    return [msgspec.json.encode(value) + b"\n" for at, value in found if after < at <= until]


def _rows(story: Story, request: Happening) -> Iterator[tuple[datetime, dict[str, object]]]:
    random = chance(story.scenario.seed, "chat", request.name)
    name = f"{random.getrandbits(64):016x}"
    status = story.transcript_status(request)
    if status is None:
        at = request.at + timedelta(seconds=random.uniform(1, 8))
        head: dict[str, object] = {"id": name, "timestamp": millis(at), "type": "gemini", "content": "Simulated."}
        yield at, head
        yield at, head | {"tokens": {"input": 9, "output": 3, "total": 12}}
        return
    at = request.at + timedelta(seconds=_GIVEN_UP_S)
    yield at, {"id": name, "timestamp": millis(at), "type": "error", "content": _SENTENCES.get(status, _OTHER)}
