"""A notification on this machine's own desktop."""

from __future__ import annotations

import asyncio
import html
import shutil
import sys
from contextlib import suppress

from stillup.channels.base import Channel
from stillup.response.alerts.delivery import Delivery, Sent
from stillup.response.alerts.reasons import Kind
from stillup.response.alerts.values import Message
from stillup.secret import Secret

_TIMEOUT_S = 5.0
_MOST = 600
_CALM = (Kind.BACK, Kind.DIGEST, Kind.TEST, Kind.REMINDER)
_BY_APPRISE = {"darwin": "macosx://", "win32": "windows://"}


class Desktop:
    """Calls ``notify-send``."""

    kind = "desktop"

    def __init__(
        self,
        name: str,
        *,
        program: str = "notify-send",
        timeout_s: float = _TIMEOUT_S,
        repeat_in_doubt: bool = True,
    ) -> None:
        self.id = name
        self.repeat_in_doubt = repeat_in_doubt
        self._program = program
        self._timeout_s = timeout_s

    async def send(self, message: Message) -> Delivery:
        """Show it."""
        program = shutil.which(self._program)
        if program is None:
            return Delivery(sent=Sent.MISSING, says=f"{self._program} is not installed")
        urgency = "normal" if message.kind in _CALM else "critical"
        # Desktops take a little HTML in the body.
        body = html.escape(message.short[:_MOST], quote=False)
        arguments = ("--app-name=stillup", f"--urgency={urgency}", "--", message.title[:_MOST], body)
        try:
            process = await asyncio.create_subprocess_exec(
                program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as exc:
            return Delivery(sent=Sent.MISSING, says=f"{self._program} does not start ({exc.strerror})")
        try:
            async with asyncio.timeout(self._timeout_s):
                code = await process.wait()
        except TimeoutError:
            return Delivery(sent=Sent.IN_DOUBT, says=f"{self._program} did not end")
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if code:
            return Delivery(sent=Sent.FAILED, says=f"{self._program} ended with {code}: is there a desktop?")
        return Delivery(sent=Sent.DELIVERED)


def desktop(name: str, *, repeat_in_doubt: bool = True) -> Channel:
    """What shows notifications on this system."""
    if sys.platform in _BY_APPRISE:
        from stillup.channels.apprise import ByApprise

        return ByApprise(name, Secret(_BY_APPRISE[sys.platform]), repeat_in_doubt=repeat_in_doubt)
    return Desktop(name, repeat_in_doubt=repeat_in_doubt)
