"""Health that replicas share: who found an upstream failing, and who found it well again.

Law 6 holds between replicas too: own outcomes win.

- What is told on is only what a replica saw itself, never what it heard. So no word goes round in circles.
- Of another's opening it is believed that it began, once: the breaker opens here too, as long and at the same level,
  and a trickle of our own looks behind it. One who fails again and again (its own network, its own address that the
  provider blocks) is not heard again until it was well in between, so it takes nothing from those who are well.
- A replica that reaches nobody at all speaks of its own network and tells nothing of it.
- Good answers elsewhere end what was only heard, once nobody says so any more; what was seen here is looked at at once.
- A limit of a key holds for all who ask with that key. Which key that is, is told by a fingerprint: during a change of
  keys there are two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from math import isfinite

from stillup.gateway.core.breaker import Breaker
from stillup.gateway.core.fault import MEANINGS, Whose
from stillup.gateway.core.health import Book, Host
from stillup.gateway.core.lane import Lane
from stillup.gateway.core.values import Operation
from stillup.gateway.shared.words import MOST_OPEN, Health, Open, Shut

_OWN = "own"
"""The key of lanes that are asked with a key of the configuration."""
_LONGEST_OPEN_S = 3600.0
_LONGEST_SHUT_S = 86_400.0

_Place = tuple[str, str | None, Operation | None]
_KeyPlace = tuple[str, str, Operation, str]


def seen(book: Book, keys: Mapping[str, str], now: float) -> Health:
    """What this replica found itself. ``keys`` has a fingerprint of the configured key, by upstream."""
    hosts = [host for host in book.hosts.values() if not host.breaker.closed and not host.breaker.heard]
    if _is_cut_off(book):
        hosts = []
    wholes = (_open(host.id, None, None, host.breaker, now) for host in hosts)
    models = (
        _open(host.id, cell.model, cell.operation, cell.breaker, now)
        for host in book.hosts.values()
        for cell in host.cells.values()
        if not cell.breaker.closed and not cell.breaker.heard
    )
    shut = (_shut(host, at, lane, keys, now) for host in book.hosts.values() for at, lane in host.lanes.items())
    return Health(
        open=(*islice(wholes, MOST_OPEN), *islice(models, MOST_OPEN)),
        shut=tuple(islice((each for each in shut if each is not None), MOST_OPEN)),
    )


def _is_cut_off(book: Book) -> bool:
    """Whether all that were asked fail as they do when one's own network is away."""
    asked = [host for host in book.hosts.values() if any(c.ok or c.failed for c in host.cells.values())]
    return len(asked) > 1 and all(_fails_as_networks_do(host.breaker) for host in asked)


def _fails_as_networks_do(breaker: Breaker) -> bool:
    fault = breaker.fault
    return not breaker.closed and not breaker.heard and fault is not None and MEANINGS[fault].whose is Whose.HERE


def _open(upstream: str, model: str | None, operation: Operation | None, breaker: Breaker, now: float) -> Open:
    left_s = min(max(0.0, breaker.until - now), _LONGEST_OPEN_S) if isfinite(breaker.until) else 0.0
    return Open(upstream, model, operation, breaker.epoch, left_s, breaker.level, breaker.fault)


def _shut(host: Host, at: tuple[str, Operation, str], lane: Lane, keys: Mapping[str, str], now: float) -> Shut | None:
    model, operation, key = at
    print_ = keys.get(host.id)
    if key != _OWN or not print_ or lane.heard or lane.until <= now:
        return None
    left_s = min(lane.until - now, _LONGEST_SHUT_S)
    return Shut(host.id, model, operation, print_, int(lane.set_at * 1000), left_s, lane.why)


class Neighbours:
    """What the other replicas said last, and its way into this one's book; only of ``upstreams`` that it has itself."""

    def __init__(self, book: Book, upstreams: Collection[str], keys: Mapping[str, str]) -> None:
        self._book = book
        self._upstreams = frozenset(upstreams)
        self._keys = keys
        self._said: dict[str, dict[_Place, Open]] = {}
        self._shut: dict[str, dict[_KeyPlace, Shut]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Who has said anything and is not gone."""
        return tuple(sorted(self._said))

    def hear(self, replica: str, health: Health, now: float) -> None:
        """Take in how another replica finds things; the same again changes nothing."""
        known = [each for each in health.open if each.upstream in self._upstreams]
        said = {(each.upstream, each.model, each.operation): each for each in known}
        before, self._said[replica] = self._said.get(replica, {}), said
        for place, each in said.items():
            # One that opened again without having been well is its own trouble to whoever is well meanwhile.
            if place not in before:
                self._breaker(place).believe(each.left_s, each.level, each.fault, now)
        for place in before.keys() - said.keys():
            by_all = not any(place in others for others in self._said.values())
            self._breaker(place).relieved(now, by_all=by_all)
        self._hear_of_keys(replica, health, now)

    def gone(self, replica: str) -> None:
        """It is no longer there: what it said is no longer said, and what it did is looked at here in its time."""
        self._said.pop(replica, None)
        self._shut.pop(replica, None)

    def _breaker(self, place: _Place) -> Breaker:
        upstream, model, operation = place
        host = self._book.host(upstream)
        return host.breaker if model is None or operation is None else host.cell(model, operation).breaker

    def _hear_of_keys(self, replica: str, health: Health, now: float) -> None:
        ours = [each for each in health.shut if each.upstream in self._upstreams]
        said = {(s.upstream, s.model, s.operation, s.key): s for s in ours if self._keys.get(s.upstream) == s.key}
        before, self._shut[replica] = self._shut.get(replica, {}), said
        for place, each in said.items():
            if place not in before or before[place].number != each.number:
                host = self._book.host(each.upstream)
                host.lane(host.cell(each.model, each.operation), _OWN).believe(each.left_s, each.why, now)
