"""Requests that were put off, as the gateway has them: kept, shown, asked again, forgotten."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from stillup.errors import StoreError
from stillup.gateway.core.actions import Refuse
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.values import Ask
from stillup.gateway.journal.read import load
from stillup.gateway.later.item import Answer, Item, State, ask_of, clients_key, digest_of, request_of
from stillup.gateway.later.left import Known, answer_in, may_act, what_is_known
from stillup.gateway.later.passing import is_wanted, open_without_client, passes
from stillup.gateway.later.pause import Pauses
from stillup.gateway.later.shelf import Bounds, Full, Shelf
from stillup.gateway.later.told import PutOff, put_off, queued
from stillup.gateway.seen.passage import Ending

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.values import Target
    from stillup.gateway.dialects.base import KeyChoice
    from stillup.gateway.handling import Handling
    from stillup.gateway.seen.passage import Passage

_MB = 1_048_576
T = TypeVar("T")


class Later:
    """``folder`` None keeps nothing. ``say`` is told what the gateway's user must know."""

    def __init__(self, gateway: Gateway, folder: Path | None, say: Callable[[str], None]) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._say = say
        self.shelf: Shelf | None = None
        if folder is not None and settings.defer is not False:
            bounds = Bounds(
                most=settings.defer_max,
                most_bytes=settings.defer_max_mb * _MB,
                days=settings.defer_days,
                shared=len(gateway.plan.users) > 1,
            )
            self.shelf = Shelf(folder, bounds, say)
        self.pauses = Pauses()
        self.trouble = ""
        """Why nothing is kept at the moment; empty while all is well."""
        self._full: set[str] = set()
        """The users of whom no more can be kept."""
        self.refused: Refuse | None = None
        """Why the request that is asked again right now got nothing."""
        self.refused_passes = False
        self.asked: Ask | None = None
        """The one that is asked again right now."""

    @property
    def is_on(self) -> bool:
        """Whether anything may be kept."""
        return self.shelf is not None

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything that is kept, in line."""
        return () if self.shelf is None else tuple(self.shelf.items.values())

    def find(self, item_id: str, user: str) -> Item | None:
        """That one, if it is this user's."""
        item = None if self.shelf is None else self.shelf.items.get(item_id)
        return item if item is not None and item.user == user else None

    def is_kept(self, item: Item) -> bool:
        """Whether it is still there: somebody may have cancelled it."""
        return self.shelf is not None and item.id in self.shelf.items

    def answer_of(self, item: Item) -> Answer | None:
        """What came back; it is noted that somebody has it now."""
        shelf = self.shelf
        answer = None if shelf is None else shelf.answer_of(item)
        if answer is not None and shelf is not None and not item.fetched:
            self._tried(lambda: shelf.put(replace(item, fetched=True)))
        return answer

    # --- putting off

    def put_off(self, ask: Ask, refuse: Refuse, tries: Sequence[Trial], passage: Passage) -> PutOff | None:
        """Keep a request that every upstream failed; None where its client gets the error and nothing is kept.

        Told of every request that fails, of those too that are asked again: it learns from it why they did.
        """
        if ask is self.asked:
            self.refused, self.refused_passes = refuse, passes(refuse, tries)
            return None
        if self.shelf is None or not is_wanted(ask, configured=self._gateway.settings.defer):
            return None
        if not passes(refuse, tries) or not self.is_working(make=True):
            return None
        chain, _ = self.chain(ask)
        if not chain:  # only its client's own key opens them
            return None
        item = self._kept(ask, refuse.fault.value, passage)
        if item is None:
            return None
        self.pauses.begin(tuple(t.name for t in chain), self._gateway.now())
        return put_off(item, refuse, ask.protocol)

    def keep(self, handling: Handling) -> None:
        """Put one off before anybody is asked: its client said so."""
        ask, passage = handling.ask, handling.passage
        why_not = self._why_not(ask)
        item = None if why_not else self._kept(ask, "", passage)
        if item is None:
            status = 409 if why_not else 507
            says = why_not or f"There is no room for it: {self.trouble or 'too many wait already'}."
            handling.refuse(Fault.BAD_REQUEST, says, status=status)
        else:
            told = queued(item)
            handling.tell(Ending.DEFERRED, Ending.DEFERRED, told.status, told.headers, told.body)

    def _why_not(self, ask: Ask) -> str:
        if self.shelf is None or not is_wanted(ask, configured=self._gateway.settings.defer):
            return "Nothing like that is put off here: `gateway.defer` is false, or it is no request for an answer."
        if not self.chain(ask)[0]:
            return "Only its client's own key opens those whom it could be asked of, and a key is never kept."
        return "" if self.is_working(make=True) else f"Nothing can be put off here now: {self.trouble or 'busy'}."

    def is_working(self, *, make: bool = False) -> bool:
        """Whether the folder is ours and can be used; it is made where that is asked for."""
        shelf = self.shelf
        return shelf is not None and bool(self._tried(lambda: shelf.is_ours(make=make)))

    def chain(self, ask: Ask) -> tuple[tuple[Target, ...], dict[str, KeyChoice]]:
        """Whom it can be asked of without its client, and with which keys (law 10)."""
        plan, whom = self._gateway.plan, self._gateway.whom
        chain = whom.chain(ask)
        bare = replace(ask, headers=(), query="")
        keys = whom.keys(bare, chain, lend=False)
        return open_without_client(bare, chain, keys, plan.specs), keys

    def _kept(self, ask: Ask, why: str, passage: Passage) -> Item | None:
        shelf, user = self.shelf, passage.user
        if shelf is None:
            return None
        wanted, key = is_wanted(ask, configured=None), clients_key(ask)
        digest = digest_of(ask, user, key)
        if key or not wanted:  # its client tries again by itself, as official SDKs do: that is one request, not three
            alike = [item for item in shelf.items.values() if item.digest == digest]
            same = next((item for item in alike if key or not item.state.is_over), None)
            if same is not None:
                return same
        item = Item(
            id="later_" + secrets.token_hex(12),
            number=0,
            user=user,
            protocol=ask.protocol,
            operation=ask.operation,
            model=ask.model,
            stream=ask.stream,
            kept_at_s=self._gateway.wall_s(),
            request_bytes=len(ask.body),
            request_id=passage.id,
            why=why,
            wanted=wanted,
            digest=digest,
        )
        try:
            kept = self._tried(lambda: shelf.add(item, request_of(ask)))
        except Full:
            if user not in self._full:
                half = f"half is {user}'s, of " if user and shelf.bounds.shared else ""
                reached = f"{half}gateway.defer_max or gateway.defer_max_mb is reached"
                self._say(f"no request can be put off any more: {reached}")
            self._full.add(user)
            return None
        self._full.discard(user)
        if kept is not None:
            _ = self._gateway.task(asyncio.to_thread(shelf.sync, kept))
        return kept

    def answered(self, ask: Ask, user: str) -> None:
        """A client got an answer: what it had asked before in vain need not be asked again for it."""
        shelf = self.shelf
        if shelf is None or not shelf.items or ask is self.asked:
            return
        alike = [i for i in shelf.items.values() if i.state is State.WAITING and not i.wanted and i.user == user]
        alike = [item for item in alike if item.request_bytes == len(ask.body) and item.model == ask.model]
        if alike:
            digest = digest_of(ask, user, clients_key(ask))
            for item in alike:
                if item.digest == digest:
                    self.forget(item)

    # --- after a kill

    def left(self) -> tuple[Item, ...]:
        """Those that were being asked when a gateway before this one ended; each is handed out once."""
        if self.shelf is None:
            return ()
        left, self.shelf.left = self.shelf.left, []
        return tuple(item for item in left if self.is_kept(item))

    def settle(self, item: Item) -> Item | None:
        """See what came of one that was left, and keep that; the item where it is answered.

        Blocks for as long as it takes to look through the journal, once after a start behind a kill.
        """
        shelf = self.shelf
        if shelf is None:
            return None
        answer = shelf.answer_of(item)
        exchange = None
        if (answer is None or answer.run_id != item.run_id) and self._gateway.keeps and item.run_id:
            exchange = self._tried(lambda: load(self._gateway.journal.folder, item.run_id))
        known = what_is_known(item, answer, exchange)
        if known is Known.ANSWERED:
            whole = answer_in(exchange) if exchange is not None else answer
            if whole is not None:
                return self._recovered(item, whole)
        self._again_or_not(item, known)
        return None

    def _recovered(self, item: Item, answer: Answer) -> Item:
        done = replace(
            item,
            state=State.ANSWERED,
            last="",
            done_at_s=self._gateway.wall_s(),
            answered_by=answer.by,
            status=answer.status,
            answer_bytes=len(answer.body),
        )
        self.note(done, answer)
        return done

    def _again_or_not(self, item: Item, known: Known) -> None:
        """What is surely unanswered waits again; of the rest the configuration decides, and it is said."""
        misses = item.misses + (known is Known.MISSED)
        again = known is Known.MISSED or self._is_asked_again(item)
        state = State.WAITING if again else State.UNSURE
        self.note(replace(item, state=state, last=known.says, misses=misses))
        if known is not Known.MISSED:
            then = "it is asked again" if again else f"`stillup later run {item.id}` asks it again"
            self._say(f"{item.id}: {known.says}; {then}")

    def _is_asked_again(self, item: Item) -> bool:
        configured = self._gateway.settings.defer_again
        if configured is not None:
            return configured
        request = self.shelf.request_of(item) if self.shelf is not None else None
        return request is None or not may_act(ask_of(item, request))

    # --- the disk

    def forget(self, item: Item) -> None:
        """Drop it and everything of it."""
        shelf = self.shelf
        if shelf is not None:
            self._tried(lambda: shelf.drop(item))

    def note(self, item: Item, answer: Answer | None = None) -> bool:
        """Keep what is known of it now, and whether that could be; one that was dropped meanwhile stays dropped."""
        shelf = self.shelf
        if shelf is None or item.id not in shelf.items:
            return False

        def put() -> bool:
            shelf.put(item) if answer is None else shelf.answer(item, answer)
            return True

        return self._tried(put) is not None

    def prune(self) -> None:
        """Drop what is too old."""
        shelf = self.shelf
        lost = self._tried(lambda: shelf.prune(self._gateway.wall_s())) if shelf is not None else None
        for item in lost or ():
            self._say(
                f"{item.id} was given up: no upstream could answer it for {self._gateway.settings.defer_days} days"
            )

    def close(self) -> None:
        """The gateway stops."""
        if self.shelf is not None:
            self.shelf.close()

    def _tried(self, work: Callable[[], T]) -> T | None:
        """What the disk refuses is said once, and stands in nobody's way."""
        try:
            result = work()
        except StoreError:  # the journal, which whoever writes it speaks of
            return None
        except OSError as error:
            why = error.strerror or type(error).__name__
            if why != self.trouble:
                self.trouble = why
                where = self.shelf.folder if self.shelf is not None else ""
                self._say(f"no request can be put off for now: {why} ({where})")
            return None
        self.trouble = ""
        return result
