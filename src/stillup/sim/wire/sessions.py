"""What command lines write of their requests: one file of JSON lines each, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Happening, Story

Row = tuple[datetime, Mapping[str, object]]


def lines(
    stories: Stories,
    story: Story,
    rows_of: Callable[[Story, Happening], Iterator[Row]],
    latest_s: float,
    span: tuple[datetime, datetime],
) -> list[bytes]:
    """The lines of a span (its first moment left out, its last one in it), oldest first.

    ``rows_of`` gives the rows that one request leaves, none later than ``latest_s`` seconds after it.
    """
    after, until = span
    requests = story.happened(Stream.REQUESTS, after - timedelta(seconds=latest_s), until)
    found = [row for request in requests if not stories.is_cut_off(request.at) for row in rows_of(story, request)]
    found.sort(key=lambda row: row[0])
    return [msgspec.json.encode(value) + b"\n" for at, value in found if after < at <= until]
