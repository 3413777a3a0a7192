"""Tokens of forms: proof that somebody opened a form here a short while ago, good for one report.

A token is an issue time and a number, signed. The number counts the forms, so one bit each remembers which came back:
exactly, in two megabytes, for sixteen million forms. A form that was opened sixteen million forms ago is stale.

Replicas of a hub share the key, and tell each other which forms came back: their numbers are random, and each is kept
until it would be stale.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct as Packed
from typing import NoReturn, Protocol

from stillup.hub.debts import Debts
from stillup.hub.values import Reason

LIFETIME_S = 3_600
"""A form may lie open for an hour."""

REMEMBERED = 1 << 24
_AHEAD_S = 60
"""A clock that was set back meanwhile; more than that is no form of ours."""

_HEAD = Packed(">QQ")  # milliseconds, number
_MAC_BYTES = 16
_TEXT_LENGTH = -(-(_HEAD.size + _MAC_BYTES) * 4 // 3)


class FormBook(Protocol):
    """Makes tokens and knows which came back; times are seconds since the epoch."""

    def issue(self, now_s: float) -> str:
        """A token for a form that is opened now."""

    def check(self, token: str, now_s: float) -> int | Reason:
        """The form's number, for :meth:`spend`; else why it is not taken."""

    def spend(self, number: int) -> None:
        """Note that a form came back."""


class Forms:
    """Makes tokens and knows which came back. Its key dies with it; times are seconds since the epoch."""

    __slots__ = ("_began_ms", "_newest", "_remembered", "_signer", "_used")

    def __init__(self, entropy: Callable[[int], bytes], began_s: float, *, remembered: int = REMEMBERED) -> None:
        self._signer = blake2b(key=entropy(32), digest_size=_MAC_BYTES)
        self._began_ms = int(began_s * 1000)
        self._remembered = remembered
        self._used = bytearray()
        self._newest = 0

    def issue(self, now_s: float) -> str:
        """A token for a form that is opened now."""
        self._newest += 1
        self._mark(self._newest, used=False)  # its place belonged to a form of long ago
        head = _HEAD.pack(max(0, int(now_s * 1000)), self._newest)
        return urlsafe_b64encode(head + _signed(self._signer, head)).decode().rstrip("=")

    def check(self, token: str, now_s: float) -> int | Reason:
        """The form's number, for :meth:`spend`; else why it is not taken."""
        raw = _bytes(token)
        if raw is None:
            return Reason.FORGED
        head, mac = raw[: _HEAD.size], raw[_HEAD.size :]
        issued_ms, number = _HEAD.unpack(head)
        if issued_ms < self._began_ms:  # its key is gone, so nobody can tell whether it was ours
            return Reason.STALE
        if not compare_digest(mac, _signed(self._signer, head)):
            return Reason.FORGED
        aged_s = now_s - issued_ms / 1000
        if not -_AHEAD_S <= aged_s <= LIFETIME_S or self._newest - number >= self._remembered:
            return Reason.STALE
        return Reason.REPLAYED if self._is_used(number) else number

    def spend(self, number: int) -> None:
        """Note that a form came back."""
        self._mark(number, used=True)

    def _is_used(self, number: int) -> bool:
        byte, bit = divmod(number % self._remembered, 8)
        return byte < len(self._used) and bool(self._used[byte] >> bit & 1)

    def _mark(self, number: int, *, used: bool) -> None:
        byte, bit = divmod(number % self._remembered, 8)
        if byte >= len(self._used):
            if not used:
                return
            self._used.extend(bytes(min(self._remembered // 8, max(4096, 2 * byte)) + 1 - len(self._used)))
        if used:
            self._used[byte] |= 1 << bit
        else:
            self._used[byte] &= ~(1 << bit)

    def __repr__(self) -> str:
        return "Forms(****)"

    def __reduce__(self) -> NoReturn:
        msg = "a key is never pickled"
        raise TypeError(msg)


class SharedForms:
    """A :class:`FormBook` of one of several replicas, under a key that they share; 0 is no form's number.

    It remembers 131,072 forms that came back in two megabytes; when there are more within an hour the oldest could come
    again, and is bounded like any other report then.
    """

    __slots__ = ("_began_ms", "_entropy", "_newest_s", "_signers", "_used")

    def __init__(self, entropy: Callable[[int], bytes], began_s: float) -> None:
        self._entropy = entropy
        self._used = Debts(1 << 17)
        self._newest_s = began_s
        self._signers = [blake2b(key=entropy(32), digest_size=_MAC_BYTES)]
        self._began_ms = int(began_s * 1000)

    def share(self, key: bytes, born_s: float) -> None:
        """Sign with another key from now on; forms that are open here under the one before are good still."""
        signer = blake2b(key=key, digest_size=_MAC_BYTES)
        if signer.digest() != self._signers[0].digest():
            self._signers = [signer, self._signers[0]]
            self._began_ms = min(self._began_ms, int(born_s * 1000))

    def issue(self, now_s: float) -> str:
        """A token for a form that is opened now."""
        number = int.from_bytes(self._entropy(8)) or 1
        head = _HEAD.pack(max(0, int(now_s * 1000)), number)
        return urlsafe_b64encode(head + _signed(self._signers[0], head)).decode().rstrip("=")

    def check(self, token: str, now_s: float) -> int | Reason:
        """The form's number, for :meth:`spend`; else why it is not taken."""
        raw = _bytes(token)
        if raw is None:
            return Reason.FORGED
        head, mac = raw[: _HEAD.size], raw[_HEAD.size :]
        issued_ms, number = _HEAD.unpack(head)
        # Replicas' clocks differ a little: a form may be older than its key by as much.
        if issued_ms < self._began_ms - _AHEAD_S * 1000:
            return Reason.STALE
        if not any(compare_digest(mac, _signed(signer, head)) for signer in self._signers) or not number:
            return Reason.FORGED
        if not -_AHEAD_S <= now_s - issued_ms / 1000 <= LIFETIME_S:
            return Reason.STALE
        self._newest_s = max(self._newest_s, now_s)
        return Reason.REPLAYED if self._used.until(number) else int(number)

    def spend(self, number: int) -> None:
        """Note that a form came back, here or at another replica."""
        self._used.note(number, self._newest_s + LIFETIME_S + _AHEAD_S)

    def __repr__(self) -> str:
        return "SharedForms(****)"

    def __reduce__(self) -> NoReturn:
        msg = "a key is never pickled"
        raise TypeError(msg)


def _signed(signer: blake2b, head: bytes) -> bytes:
    signer = signer.copy()
    signer.update(head)
    return signer.digest()


def _bytes(token: str) -> bytes | None:
    """What a token says; None where it is not written as ours are. One spelling only is taken."""
    if len(token) != _TEXT_LENGTH or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    return raw if urlsafe_b64encode(raw).decode().rstrip("=") == token else None
