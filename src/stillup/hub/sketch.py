"""Which networks were heard by more than one replica, told without naming any: sketches that can be joined.

Theta sketches (Dasgupta et al. 2016) as Apache DataSketches has them, of 2⁵ entries: some 500 bytes at most, exact to
some fifty networks. What goes in are numbers under the day's key. HyperLogLog's would be as small and nearer with many;
but its reader there falls over bytes that are damaged, and one such record would end every judge that reads the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from stillup.errors import BadDataError

_LG_K, _LG_UNION = 5, 12
_SIGMAS = 3
_VERSION = b"\x03\x03"
"""Of how it is written, and that it is compact: the second and third byte."""
MOST_BYTES = 1_024


class Networks:
    """Those that a replica has heard."""

    __slots__ = ("_sketch",)

    def __init__(self) -> None:
        # Loaded here: it comes with the extra for clusters, and nobody else needs it.
        from datasketches import update_theta_sketch

        self._sketch = update_theta_sketch(_LG_K)

    def add(self, number: int) -> None:
        """One more."""
        self._sketch.update(number - 2**63)  # it takes signed ones

    def pack(self) -> bytes:
        """It in bytes; none of an empty one."""
        return b"" if self._sketch.is_empty() else bytes(self._sketch.compact().serialize())

    def __repr__(self) -> str:
        return "Networks(****)"

    def __reduce__(self) -> NoReturn:
        msg = "networks are never pickled"
        raise TypeError(msg)


def heard_twice(sketches: Sequence[bytes]) -> int:
    """How many networks were heard more than once too often, as far as that is sure; in whatever order they are given.

    :raises BadDataError: one of them is no sketch.
    """
    from datasketches import compact_theta_sketch, theta_union

    if len(sketches) < 2:
        return 0
    union, least = theta_union(_LG_UNION), 0.0
    try:
        for data in sorted(sketches):
            _check(data)
            one = compact_theta_sketch.deserialize(data)
            least += one.get_lower_bound(_SIGMAS)
            union.update(one)
        return max(0, round(float(least - union.get_result().get_upper_bound(_SIGMAS))))
    except (ValueError, RuntimeError, IndexError, OverflowError, MemoryError) as exc:
        msg = "a sketch of networks is damaged"
        raise BadDataError(msg) from exc


def _check(data: bytes) -> None:
    if not 16 <= len(data) <= MOST_BYTES or data[1:3] != _VERSION:
        msg = f"a sketch of {len(data)} bytes is none of ours"
        raise ValueError(msg)
