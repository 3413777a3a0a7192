"""The key of a day: what is kept of a sender is a number that nobody can turn back once the day is over."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NoReturn

Entropy = Callable[[int], bytes]
"""So many random bytes, from the system's own source."""

DAY_S = 86_400.0
_KEY_BYTES, _HASH_BYTES = 32, 8
_SET_BACK_S = 3_600.0


class DailyKey:
    """A random key that lives in memory for a day and is overwritten then; with it goes all that was hashed by it.

    It shows itself nowhere: neither in a repr nor in a pickle. ``age`` tells those who keep hashes when to forget them.
    """

    __slots__ = ("_born_s", "_entropy", "_hasher", "_key", "age")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._key = bytearray(_KEY_BYTES)
        self._hasher = blake2b(digest_size=_HASH_BYTES)
        self._born_s = float("-inf")
        self.age = 0
        """How many keys there were before this one."""

    def turn(self, now_s: float) -> None:
        """Destroy a key that has lived its day, or that is older than the clock can explain, and make a new one."""
        if -_SET_BACK_S <= now_s - self._born_s < DAY_S:
            return
        self._use(self._entropy(_KEY_BYTES), now_s)

    def _use(self, key: bytes, born_s: float) -> None:
        # The old hasher holds the key too: CPython overwrites its state when it is let go of, below.
        self._key[:] = bytes(_KEY_BYTES)
        self._key[:] = key
        self._hasher = blake2b(key=self._key, digest_size=_HASH_BYTES)
        self._born_s = born_s
        self.age += 1

    def number(self, part: bytes) -> int:
        """64 bits that stand for something until the key is gone; never 0."""
        hasher = self._hasher.copy()
        hasher.update(part)
        return int.from_bytes(hasher.digest()) or 1

    def __repr__(self) -> str:
        return "DailyKey(****)"

    def __reduce__(self) -> NoReturn:
        msg = "a key is never pickled"
        raise TypeError(msg)


class SharedKey(DailyKey):
    """A day's key that replicas share: whoever is given none in time makes do with one of their own.

    ``born_s`` tells which it is: 0 of one that nobody else has.
    """

    __slots__ = ("born_s",)

    def __init__(self, entropy: Entropy) -> None:
        super().__init__(entropy)
        self.born_s = 0

    def share(self, key: bytes, born_s: int) -> None:
        """Use this one from now on, until its day is over."""
        if born_s != self.born_s:
            self.born_s = born_s
            self._use(key, float(born_s))

    def turn(self, now_s: float) -> None:
        """Make one of our own where there is none that lives still."""
        # The next shared one is on its way: a minute is more than that takes.
        if -_SET_BACK_S <= now_s - self._born_s < DAY_S + (60.0 if self.born_s else 0.0):
            return
        self.born_s = 0
        super().turn(now_s)
