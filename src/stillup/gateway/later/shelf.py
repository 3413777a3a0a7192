"""Where requests that were put off are kept: files for their owner alone, each written as a whole or not at all.

::

    later/ID.request    what is sent again (msgpack)      written first, never changed
    later/ID.state      the :class:`Item` (JSON)          replaced whenever something comes of it
    later/ID.answer     what came back (msgpack)          written before the state says that it is there
    later/lock          held by the one gateway that works on this folder
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.gateway.later.item import Answer, Item, Request, State
from stillup.private import check_folder, hold, open_lock, private_folder, replace_file, sync

_ID = re.compile(r"later_[0-9a-f]{24}")
_DAY_S = 86_400.0


class Bounds(Struct, frozen=True, kw_only=True):
    """How much is kept."""

    most: int = 200
    most_bytes: int = 256 * 1_048_576
    days: float = 7.0
    shared: bool = False
    """Of several users none may have more than half of it."""


class Full(Exception):
    """There is no room: everything that is kept, or all of it that is this user's, still waits for its answer."""


class Shelf:
    """All that was put off. Belongs to the event loop; every method may raise OSError for the disk."""

    def __init__(self, folder: Path, bounds: Bounds, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.bounds = bounds
        self.items: dict[str, Item] = {}
        """By id, in line."""
        self.left: list[Item] = []
        """Those that were being asked when the process that had the folder before ended."""
        self._say = say
        self._lock: int | None = None

    def is_ours(self, *, make: bool = False) -> bool:
        """Whether this process is the one that works on the folder; what is in it is read when it becomes so.

        The folder is made only where something is to be put in.
        """
        if self._lock is None:
            if not make and not self.folder.exists():
                return False
            private_folder(self.folder)
            self._lock = _locked(self.folder / "lock")
            if self._lock is None:
                return False
            self._load()
        return True

    def close(self) -> None:
        """Leave the folder to others."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _load(self) -> None:
        found = list(read_items(self.folder))
        self.items = {item.id: item for item in sorted(found, key=lambda item: item.number)}
        for path in self.folder.iterdir():  # what a process left that was killed between two files
            if path.name != "lock" and path.stem not in self.items:  # a draft's name begins with a dot
                with suppress(OSError):  # a folder somebody made in there
                    path.unlink()
        self.left = [item for item in self.items.values() if item.state is State.RUNNING]

    def add(self, item: Item, request: Request) -> Item:
        """Keep a request; its place in line is given here.

        :raises Full: there is no room for it.
        """
        self._make_room(item.request_bytes, item.user)
        number = max((other.number for other in self.items.values()), default=0) + 1
        item = replace(item, number=number)
        try:
            replace_file(self._at(item.id, "request"), msgspec.msgpack.encode(request))
            self.put(item)
        except OSError:  # a full disk must not fill up with what nobody knows of
            self._at(item.id, "request").unlink(missing_ok=True)
            raise
        return item

    def put(self, item: Item) -> None:
        """Keep what is known of it now."""
        replace_file(self._at(item.id, "state"), msgspec.json.encode(item))
        self.items[item.id] = item

    def answer(self, item: Item, answer: Answer) -> None:
        """Keep what came back, and then that it did. So much the bounds may be passed by: it was paid for."""
        with suppress(Full):
            self._make_room(item.answer_bytes, item.user, besides=1)
        replace_file(self._at(item.id, "answer"), msgspec.msgpack.encode(answer))
        self.put(item)

    def drop(self, item: Item) -> None:
        """Forget it and everything of it."""
        self.items.pop(item.id, None)
        for kind in ("state", "request", "answer"):
            self._at(item.id, kind).unlink(missing_ok=True)

    def request_of(self, item: Item) -> Request | None:
        """What is sent again; None where it cannot be read any more."""
        return read_request(self.folder, item.id)

    def answer_of(self, item: Item) -> Answer | None:
        """What came back; None where it cannot be read any more."""
        return read_answer(self.folder, item.id)

    def prune(self, now_s: float) -> list[Item]:
        """Drop what is too old; those of it that still waited."""
        old = [item for item in self.items.values() if now_s - item.kept_at_s > self.bounds.days * _DAY_S]
        old = [item for item in old if item.state is not State.RUNNING]
        for item in old:
            self.drop(item)
        return [item for item in old if not item.state.is_over]

    def sync(self, item: Item) -> None:
        """Wait until the disk has a request and its state. For another thread."""
        sync(self._at(item.id, "request"), self._at(item.id, "state"), self.folder)

    def _make_room(self, more_bytes: int, user: str, *, besides: int = 0) -> None:
        bounds = self.bounds
        if bounds.shared:
            own = [item for item in self.items.values() if item.user == user]
            self._give_way(own, user, more_bytes, max(1, bounds.most // 2) + besides, bounds.most_bytes // 2)
        self._give_way([*self.items.values()], user, more_bytes, bounds.most + besides, bounds.most_bytes)

    def _give_way(self, among: Sequence[Item], user: str, more_bytes: int, most: int, most_bytes: int) -> None:
        """Answers go: those that were fetched first, one's own before others', of those whose have most."""
        had = Counter(item.user for item in among)
        over = [item for item in among if item.state.is_over]
        over.sort(key=lambda i: (not i.fetched, i.user != user, -had[i.user], i.done_at_s or 0.0))
        count, taken = len(among), sum(item.size_bytes for item in among)
        while count >= most or taken + more_bytes > most_bytes:
            if not over:
                raise Full
            oldest = over.pop(0)
            count, taken = count - 1, taken - oldest.size_bytes
            self.drop(oldest)

    def _at(self, item_id: str, kind: str) -> Path:
        return self.folder / f"{item_id}.{kind}"


def is_id(text: str) -> bool:
    """Whether that could be the id of something kept."""
    return _ID.fullmatch(text) is not None


def read_items(folder: Path) -> Iterator[Item]:
    """Everything that is kept in a folder, in no order; also while a gateway works on it.

    :raises OSError: the folder cannot be read, or others could have put something into it.
    """
    if not folder.exists():
        return
    check_folder(folder)
    for path in folder.glob("later_*.state"):
        if is_id(path.stem):
            with suppress(OSError, msgspec.DecodeError):
                item = msgspec.json.decode(path.read_bytes(), type=Item)
                if item.id == path.stem:
                    yield item


def read_request(folder: Path, item_id: str) -> Request | None:
    """The request of an item; None where it cannot be read."""
    try:
        return msgspec.msgpack.decode((folder / f"{item_id}.request").read_bytes(), type=Request)
    except (OSError, msgspec.DecodeError):
        return None


def read_answer(folder: Path, item_id: str) -> Answer | None:
    """The answer to an item; None where there is none."""
    try:
        return msgspec.msgpack.decode((folder / f"{item_id}.answer").read_bytes(), type=Answer)
    except (OSError, msgspec.DecodeError):
        return None


def _locked(path: Path) -> int | None:
    """The lock, which the system gives back however its holder goes; None where another process has it."""
    handle = open_lock(path)
    if hold(handle):
        return handle
    os.close(handle)
    return None
