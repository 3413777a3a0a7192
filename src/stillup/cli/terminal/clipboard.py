"""The clipboard: by the system's own means, else by the terminal's, which goes over SSH too but can only be written."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress

from stillup.errors import UsageError

Copy = Callable[[str], object]
Paste = Callable[[], str]

_MOST_BYTES = 64 << 20
_MOST_BY_TERMINAL = 74_994
"""Terminals take no more in one sequence (xterm's bound)."""
_NONE = "no clipboard can be reached from here; on Linux it takes wl-clipboard, xclip or xsel, and a desktop"


def write(text: str) -> str:
    """Put a text there, and say by which means: ``"clipboard"`` or ``"terminal"``.

    :raises UsageError: there is none.
    """
    with suppress(_Missing):
        copy, paste = _means()
        # The programs' exit codes are lost on the way: what can be read back was written.
        with suppress(Exception):
            copy(text)
            if paste().rstrip("\n") == text.rstrip("\n"):
                return "clipboard"
    if _by_terminal(text):
        return "terminal"
    raise UsageError(_NONE)


def read() -> str:
    """The text that is there.

    :raises UsageError: there is no clipboard, or no text in it.
    """
    try:
        _, paste = _means()
        text = str(paste())
    except Exception as exc:
        raise UsageError(_NONE) from exc
    if not text.strip():
        msg = "there is no text in the clipboard"
        raise UsageError(msg)
    if len(text) > _MOST_BYTES:
        msg = f"the clipboard holds more than {_MOST_BYTES >> 20} MiB of text"
        raise UsageError(msg)
    return text


class _Missing(Exception):
    pass


def _means() -> tuple[Copy, Paste]:
    import pyperclip

    copy, paste = pyperclip.determine_clipboard()
    if not paste:  # it gives a stub that is false where there is no means
        raise _Missing
    return copy, paste


def _by_terminal(text: str) -> bool:
    """OSC 52 to the terminal that this runs in; terminals that do not know it show nothing."""
    body = b64encode(text.encode())
    if os.name != "posix" or len(body) > _MOST_BY_TERMINAL:
        return False
    try:
        with open("/dev/tty", "wb", buffering=0) as terminal:  # noqa: PTH123 - a device, not a file
            terminal.write(b"\x1b]52;c;" + body + b"\a")
    except OSError:
        return False
    return True
