"""``stillup vault paste``: what is in the clipboard is kept."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from stillup.cli.terminal.clipboard import read
from stillup.cli.vault.import_ import run_import
from stillup.cli.vault.open import open_from
from stillup.clock import SystemClock
from stillup.errors import UsageError
from stillup.gateway.dialects.neutral import Role, Text
from stillup.vault.codec import name_of
from stillup.vault.sources import sources_of
from stillup.vault.values import Conversation, Turn
from stillup.vault.write import Put

if TYPE_CHECKING:
    from stillup.config import Config

_TITLE = 80


def run_paste(config: Config, piped: bytes | None, title: str) -> int:
    """Keep it: as a conversation where it is one in a form that is known, else as one message.

    :raises UsageError: there is nothing.
    """
    raw = piped if piped is not None else read().encode("utf-8", "replace")
    text = raw.decode("utf-8", "replace").strip()
    if not text:
        msg = "there is nothing to keep: the clipboard is empty" if piped is None else "there is nothing to keep"
        raise UsageError(msg)
    with TemporaryDirectory(prefix="stillup-") as folder:  # 0700
        for suffix in (".json", ".html", ".md"):
            path = Path(folder) / f"pasted{suffix}"
            if _looks(text, suffix):
                path.write_bytes(raw)
                if any(True for _ in sources_of(path)):
                    return run_import(config, [path], as_json=False, quiet=True)
    return _as_one(config, text, title)


def _looks(text: str, suffix: str) -> bool:
    """Whether it may be of that kind: Markdown takes any text, and would take it all for one message."""
    if suffix == ".json":
        return text[0] in "[{"
    return text[:1] == "<" if suffix == ".html" else text[:2] in ("# ", "**", "##")


def _as_one(config: Config, text: str, title: str) -> int:
    now_s = SystemClock().wall_s()
    name = name_of(text.encode()).hex()
    line = title or text.splitlines()[0]
    turn = Turn(id="1", role=Role.USER, parts=(Text(text=text),), at_s=now_s)
    conversation = Conversation(
        origin="paste", id=name, turns=(turn,), title=line if len(line) <= _TITLE else f"{line[: _TITLE - 1]}…",
        began_s=now_s, changed_s=now_s,
    )  # fmt: skip
    with open_from(config, create=True) as vault:
        (put,) = vault.put([conversation], now_s)
        about = vault.find(name)
    click.echo(f"{'Kept' if put is Put.NEW else 'It is kept already'}: {about.key}")
    return 0
