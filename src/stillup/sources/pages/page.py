"""A status page in our words: what a platform's file makes of an answer, before any service is looked for on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from stillup.model.service import Stage, State

MOST_POSTS = 30
UNDATED = datetime.min.replace(tzinfo=UTC)
"""Where in the order of time something stands that does not say when it was."""


class Row(Struct, frozen=True):
    """One row of the page, or the head of a group of rows. ``id`` is the page's own and stable; the name is not."""

    id: str
    name: str
    state: State
    group: bool = False
    group_id: str | None = None


class Affected(Struct, frozen=True):
    """A row as an incident's update leaves it; unknown where the page's word is."""

    id: str
    state: State

    @property
    def in_trouble(self) -> bool:
        """Whether it was left in a fault or in maintenance."""
        return self.state.is_fault or self.state is State.MAINTENANCE


class Post(Struct, frozen=True, kw_only=True):
    """One update of an incident. ``at`` is when it could first be read; without it the post is no record of a time."""

    at: datetime | None = None
    stage: Stage | None = None
    body: str = ""
    affected: tuple[Affected, ...] = ()


def newest_first(posts: Iterable[Post]) -> list[Post]:
    """Updates of an incident that come in no promised order, the newest first and the undated last."""
    return sorted(posts, key=lambda post: post.at or UNDATED, reverse=True)


class Incident(Struct, frozen=True, kw_only=True):
    """An incident or a maintenance with its updates, newest first.

    ``stage`` is None for a word nobody knows, which is never read as ended. ``implies`` is what its impact says of a
    row that the page itself still shows as working. ``rows`` are those it lists, with their states now. ``region`` is
    the only place it is about (ISO 3166), where the page says one. ``starts`` and ``ends`` are those of announced work.
    """

    id: str
    title: str
    stage: Stage | None
    implies: State = State.DEGRADED
    link: str = ""
    rows: tuple[Row, ...] = ()
    posts: tuple[Post, ...] = ()
    region: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Neither ended nor only planned."""
        return self.stage is not Stage.SCHEDULED and not (self.stage and self.stage.is_over)


class Page(Struct, frozen=True, kw_only=True):
    """The page at one moment.

    ``whole`` is the page's word on everything, used only where it has no rows: it has been seen to say "minor" with
    22 of 25 rows in trouble. ``name`` is whose page it is, as far as it says.
    """

    rows: tuple[Row, ...] = ()
    incidents: tuple[Incident, ...] = ()
    whole: State | None = None
    name: str = ""
