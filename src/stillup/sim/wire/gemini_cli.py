"""Gemini CLI's chat rows: an answer, or the sentence its terminal shows for a request that failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from stillup.sim.draw import chance
from stillup.sim.stories import Stories
from stillup.sim.story import Happening, Story
from stillup.sim.wire.reply import millis
from stillup.sim.wire.sessions import lines

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
    return lines(stories, stories.of(SERVICE), _rows, _LATEST_S, (after, until))


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
