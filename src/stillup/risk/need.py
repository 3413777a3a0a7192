"""What is needed, and the ways to it, first choice first: a chain of the gateway, or services used by hand. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.risk.values import LOCAL, Subject

ENOUGH = 6
"""So many ways that have different services are reckoned one by one; figures of more would be figures of nothing."""


class Kind(StrEnum):
    """What it is that is needed."""

    __hash__ = str.__hash__

    ROUTE = "route"
    """Answers for one name of a model through the gateway."""
    TASK = "task"
    """A task of a person's, done with one service or another."""


class Tokens(Struct, frozen=True, kw_only=True):
    """What went through in so many answers; ``input_tokens`` without those from or into a cache."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def plus(self, other: Tokens) -> Tokens:
        """Both together."""
        return Tokens(
            answers=self.answers + other.answers,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )


class Used(Struct, frozen=True, kw_only=True):
    """What the gateway's journal says of a need: so many hours of it, who answered how often, and the tokens."""

    hours: float
    asked: int
    by: dict[str, int] = {}
    """Answers by upstream."""
    tokens: Tokens = Tokens()


class Way(Struct, frozen=True, kw_only=True):
    """One way to an answer."""

    name: str
    """The upstream's id, or the service's."""
    title: str
    subject: Subject
    model: str = ""
    key: str = ""
    """The variable or the file that its key comes from; empty: none of one's own is needed, or known."""
    by_gateway: bool = False
    note: str = ""
    """Why it stands where it does, or how its last test went."""
    missing: str = ""
    """Why it does not count now; empty: it counts."""

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        return self.subject.service == LOCAL


class Need(Struct, frozen=True, kw_only=True):
    """One thing that is needed. ``ways`` count, ``lacking`` would if something were done about them."""

    id: str
    kind: Kind
    title: str
    ways: tuple[Way, ...]
    lacking: tuple[Way, ...] = ()
    used: Used | None = None
    """None where no journal says so."""
    gateways: int = 0
    """So many of a cluster have this chain; 0: it is that of this machine's gateway."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What the ways stand for, each once: two models of one service are no two ways."""
        return tuple(dict.fromkeys(way.subject for way in self.ways))

    @property
    def services(self) -> tuple[str, ...]:
        """The services of those, each once."""
        return tuple(dict.fromkeys(subject.service for subject in self.subjects))
