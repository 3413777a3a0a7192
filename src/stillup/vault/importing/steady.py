"""A packed file that may break in the middle, read so that little is lost."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from typing import Self

from stillup.vault.importing.bundle import Unreadable

FAILS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_STEP_BYTES = 65_536


def unreadable(failed: BaseException, broken: str) -> Unreadable:
    """What to say of one of :data:`FAILS`; ``broken`` where it is no way of packing that is not known."""
    return Unreadable("It is packed in a way that is not known." if isinstance(failed, NotImplementedError) else broken)


class Steady:
    """Reads in small steps, so that a break costs at most one of them: what was read before it is given first."""

    def __init__(self, step: Callable[[int], bytes], broken: str, close: Callable[[], None] = lambda: None) -> None:
        self._step, self._broken, self._close = step, broken, close
        self._failed: Unreadable | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, most: int) -> bytes:
        """As many bytes as asked for, fewer at the end or before a break; then Unreadable."""
        parts: list[bytes] = []
        while most > 0:
            try:
                if self._failed is not None:
                    raise self._failed
                data = self._step(min(most, _STEP_BYTES))
            except FAILS as failed:
                self._failed = failed if isinstance(failed, Unreadable) else unreadable(failed, self._broken)
                if parts:
                    break
                raise self._failed from failed
            if not data:
                break
            parts.append(data)
            most -= len(data)
        return b"".join(parts)
