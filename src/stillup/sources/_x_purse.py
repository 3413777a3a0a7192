"""What X may cost a day: a cap for everything this user asks it, kept over restarts, and spread over the day.

Every spending is a line in a file of the cache's folder (``2026-05-12 5000``: millionths of a dollar), written before
the request is made; two processes that spend at once both write and both see the sum. Where there is no folder, or it
cannot be written, the sum is this process's own, and a restart forgets it: that can cost one day's cap more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

from stillup.net import Net
from stillup.private import check_folder, private_folder

_FILE = "x-spent"
_LONG_BYTES, _MOST_BYTES = 64 * 1024, 1 << 20
_LINE = re.compile(rb"^(\d{4}-\d\d-\d\d) (-?\d{1,12})$", re.MULTILINE)
_MILLIONTHS = 1_000_000


class Ledger:
    """What was spent, by day (UTC)."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / _FILE if folder is not None else None
        self._own: dict[date, int] = {}

    @classmethod
    def of(cls, net: Net) -> Ledger:
        """The ledger of whoever uses this net's folder."""
        return cls(net.folder)

    def spent_usd(self, day: date) -> float:
        """The sum of a day so far: this user's where the file can be read, else this process's."""
        told = self._read(day)
        return max(self._own.get(day, 0), told) / _MILLIONTHS

    def take(self, cost_usd: float, cap_usd: float, now: datetime) -> bool:
        """Spend before asking; False, and nothing spent, where the cap does not allow it."""
        day = now.date()
        if self.spent_usd(day) + cost_usd > cap_usd + 1e-9:
            return False
        self._note(cost_usd, day)
        if self.spent_usd(day) <= cap_usd + 1e-9:
            return True
        self._note(-cost_usd, day)  # another process spent at the same moment; both may step back
        return False

    def give_back(self, cost_usd: float, now: datetime) -> None:
        """What was set aside and not needed; less than nothing where more was needed."""
        if cost_usd:
            self._note(-cost_usd, now.date())

    def _note(self, cost_usd: float, day: date) -> None:
        amount = round(cost_usd * _MILLIONTHS)
        self._own = {day: self._own.get(day, 0) + amount}
        if self._path is None:
            return
        with suppress(OSError):
            private_folder(self._path.parent)
            self._prune(self._path, day)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
                file.write(f"{day.isoformat()} {amount}\n".encode())

    def _prune(self, path: Path, day: date) -> None:
        """Keep this day's sum alone, once the file is long: a line is 16 bytes, so every few months.

        Never a part of its lines: what does not fit would be money that nobody spent.
        """
        with suppress(FileNotFoundError):
            if path.stat().st_size > _LONG_BYTES:
                fresh = path.with_suffix(".part")
                spent = sum(int(m[2]) for m in self._lines(path, day))
                fresh.write_bytes(f"{day.isoformat()} {spent}\n".encode())
                fresh.chmod(0o600)
                fresh.replace(path)

    def _lines(self, path: Path, day: date) -> list[re.Match[bytes]]:
        with path.open("rb") as file:
            lines = file.read(_MOST_BYTES)
        wanted = day.isoformat().encode()
        return [match for match in _LINE.finditer(lines) if match[1] == wanted]

    def _read(self, day: date) -> int:
        if self._path is None:
            return 0
        try:
            check_folder(self._path.parent)
            return sum(int(match[2]) for match in self._lines(self._path, day))
        except OSError:
            return 0


def gap_s(cost_usd: float, left_usd: float, now: datetime, askers: int) -> float:
    """Seconds between two requests of one of ``askers`` services, so that what is left lasts until midnight (UTC)."""
    return left_of_day_s(now) * cost_usd * max(1, askers) / left_usd if left_usd > 0 else float("inf")


def left_of_day_s(now: datetime) -> float:
    """Seconds until a new day (UTC) begins."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time_of_day(), now.tzinfo)
    return (midnight - now).total_seconds()
