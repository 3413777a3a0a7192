"""Which networks were heard by more than one replica, told without naming any: sketches that can be joined.

HyperLogLog (Flajolet et al. 2007) as Apache DataSketches has it, 2¹⁰ registers: at most 552 bytes, exact up to some 64
networks, within 3 % beyond. What goes in are numbers under the day's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from stillup.errors import BadDataError

_LG_K = 10
_SIGMAS = 3
MOST_BYTES = 1_024


class Networks:
    """Those that a replica has heard."""

    __slots__ = ("_sketch",)

    def __init__(self) -> None:
        # Loaded here: it comes with the extra for clusters, and nobody else needs it.
        from datasketches import hll_sketch, tgt_hll_type

        self._sketch = hll_sketch(_LG_K, tgt_hll_type.HLL_4)

    def add(self, number: int) -> None:
        """One more."""
        self._sketch.update(number)

    def pack(self) -> bytes:
        """It in bytes; none of an empty one."""
        return b"" if self._sketch.is_empty() else bytes(self._sketch.serialize_compact())

    def __repr__(self) -> str:
        return "Networks(****)"

    def __reduce__(self) -> NoReturn:
        msg = "networks are never pickled"
        raise TypeError(msg)


def heard_twice(sketches: Sequence[bytes]) -> int:
    """How many networks were heard more than once too often, as far as that is sure; in whatever order they are given.

    :raises BadDataError: one of them is no sketch.
    """
    from datasketches import hll_sketch, hll_union

    if len(sketches) < 2:
        return 0
    union, least = hll_union(_LG_K), 0.0
    try:
        for data in sorted(sketches):
            _check(data)
            one = hll_sketch.deserialize(data)
            least += one.get_lower_bound(_SIGMAS)
            union.update(one)
    except (ValueError, RuntimeError, IndexError, MemoryError) as exc:
        msg = "a sketch of networks is damaged"
        raise BadDataError(msg) from exc
    return max(0, round(float(least - union.get_upper_bound(_SIGMAS))))


def _check(data: bytes) -> None:
    # The fourth byte is the base-2 logarithm of the registers: one that says more would take gigabytes.
    if not 8 <= len(data) <= MOST_BYTES or data[3] != _LG_K:
        msg = f"a sketch of {len(data)} bytes is none of ours"
        raise ValueError(msg)
