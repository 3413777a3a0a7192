"""Which scenes can be played over given routes, whom each hits, and what they are called. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from msgspec import Struct

from stillup.drill.values import Kind, Play
from stillup.errors import UsageError
from stillup.gateway.faults.drill import IN_WORDS, MODES, Mode

STATUSES = ("429", "500", "503", "529")
"""The statuses that are practised; any other from 400 to 599 can be asked for."""
STATUS_WORDS = {
    "429": "429: too many requests",
    "500": "500: an error inside",
    "503": "503: not available",
    "529": "529: overloaded",
}
_WORDS = {
    Mode.SLOW_HEADERS: "the answer begins late",
    Mode.SLOW_FIRST_TOKEN: "the answer's first word comes late",
    Mode.CUT: "answers are cut off in the middle",
    Mode.CUT_INSIDE: "answers are cut off inside an event",
    Mode.CUT_RESET: "answers end with a reset connection",
    Mode.STALL: "answers fall silent in the middle",
    Mode.ERROR_EVENT: "an error comes in the middle of answers",
    Mode.MALFORMED: "a broken event comes in the middle of answers",
    Mode.ENDS_EARLY: "answers end before their end",
}
_LONGEST = 100


class Seat(Struct, frozen=True, kw_only=True):
    """One upstream, as far as a drill needs to know it."""

    id: str
    service: str
    """The catalogue's, or its own id where nobody knows whose it is."""
    clouds: tuple[str, ...]
    is_local: bool


NameOf = Callable[[str], str]
"""A service's id as people call it."""


def hit_by(play: Play, seats: Sequence[Seat], first: str) -> tuple[str, ...]:
    """The upstreams that fail in a scene; empty where there are none of that name."""
    match play.kind:
        case Kind.MODE:
            wanted = play.upstream or first
            return tuple(seat.id for seat in seats if seat.id == wanted)
        case Kind.PROVIDER:
            return tuple(seat.id for seat in seats if play.name in (seat.service, seat.id))
        case Kind.REGION:
            return tuple(seat.id for seat in seats if play.name in seat.clouds and not seat.is_local)
        case Kind.ALL:
            return tuple(seat.id for seat in seats if not seat.is_local)
        case Kind.GREEN_PAGE:
            return ()


def every_play(seats: Sequence[Seat], first: str, name_of: NameOf) -> tuple[Play, ...]:
    """Every scene that can be played, with its title."""
    return tuple(_every(seats, first, name_of))


def _every(seats: Sequence[Seat], first: str, name_of: NameOf) -> Iterator[Play]:
    for name in (*STATUSES, *MODES):
        play = Play(kind=Kind.MODE, name=name, upstream=first)
        yield titled(play, first, name_of)
    for service in dict.fromkeys(seat.service for seat in seats if not seat.is_local):
        yield titled(Play(kind=Kind.PROVIDER, name=service), first, name_of)
    for cloud in dict.fromkeys(cloud for seat in seats if not seat.is_local for cloud in seat.clouds):
        yield titled(Play(kind=Kind.REGION, name=cloud), first, name_of)
    if any(not seat.is_local for seat in seats):
        yield titled(Play(kind=Kind.ALL), first, name_of)
    yield titled(Play(kind=Kind.GREEN_PAGE), first, name_of)


def titled(play: Play, first: str, name_of: NameOf) -> Play:
    """The same with its title."""
    return Play(kind=play.kind, name=play.name, upstream=play.upstream, title=_title(play, first, name_of))


def _title(play: Play, first: str, name_of: NameOf) -> str:
    match play.kind:
        case Kind.MODE:
            return f"{play.upstream or first}: {says_of(play.name)}"
        case Kind.PROVIDER:
            return f"{name_of(play.name)} is down"
        case Kind.REGION:
            return f"{name_of(play.name)} is down, and all that stands on it"
        case Kind.ALL:
            return "every provider is out of reach"
        case Kind.GREEN_PAGE:
            return "a provider fails while its page says that all is well"


def says_of(mode: str) -> str:
    """A way to fail in words."""
    if mode in MODES:
        return _WORDS.get(Mode(mode)) or IN_WORDS[Mode(mode)].removesuffix(", until the drill ends")
    return STATUS_WORDS.get(mode, f"an error {mode}")


def play_called(word: str, among: Sequence[Play]) -> Play:
    """The scene that somebody asks for by its key, as ``mode:529``, ``provider:claude``, ``all``; also ``529`` alone.

    ``mode:cut@ID`` is that mode at another upstream than the first.

    :raises UsageError: there is none of that name; it names what is near.
    """
    asked, _, upstream = word.partition("@")
    found = next((play for play in among if asked and asked in (play.key, play.name)), None)
    mode = asked.removeprefix("mode:")
    if found is None and len(mode) == 3 and mode.isascii() and mode.isdecimal() and mode[0] in "45":
        found = Play(kind=Kind.MODE, name=mode)
    if found is None or (upstream and found.kind is not Kind.MODE):
        keys = [play.key for play in among]
        near = get_close_matches(asked[:_LONGEST], [*keys, *(play.name for play in among if play.name)], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        msg = f"no scene is called {word[:_LONGEST]!r}{hint}; there are: {', '.join(keys)}"
        raise UsageError(msg)
    if upstream or not found.title:
        at = upstream or found.upstream
        title = f"{at}: {says_of(found.name)}" if at else says_of(found.name)
        return Play(kind=found.kind, name=found.name, upstream=at, title=title)
    return found
