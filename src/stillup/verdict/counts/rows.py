"""Growing tables of numpy rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Rows:
    """A structured array that grows by doubling, new rows zeroed. Keep indices of rows, never ``used`` itself."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._room = np.zeros(1, dtype)
        self._count = 0

    @property
    def used(self) -> Array:
        """The rows in use."""
        return self._room[: self._count]

    def add(self, count: int) -> Array:
        """Take ``count`` more rows in use; their indices."""
        first, self._count = self._count, self._count + count
        if self._count > len(self._room):
            room = np.zeros(max(self._count, 2 * len(self._room)), self._room.dtype)
            room[:first] = self._room[:first]
            self._room = room
        return np.arange(first, self._count)
