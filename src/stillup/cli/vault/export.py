"""``stillup vault export``: conversations written out, a file each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.say import put, say
from stillup.cli.vault.open import open_from
from stillup.errors import BadDataError, UsageError
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.private import private_folder, replace_file
from stillup.vault.export import file_name, written

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.vault.store import About, Vault

_MOST_SAID = 10


def run_export(config: Config, ids: tuple[str, ...], folder: Path | None, how: str, narrowed: tuple[str, str]) -> int:
    """Write them; 65 where some could not be written so.

    :raises UsageError: several are to go to standard output.
    """
    origin, service = narrowed
    with open_from(config) as vault:
        if folder is None:
            if len(ids) != 1:
                msg = "say where to write them (--to FOLDER), or name one conversation by its id"
                raise UsageError(msg)
            return _print(vault, vault.find(ids[0]), how)
        abouts = [vault.find(name) for name in ids] if ids else vault.every(origin=origin, service=service)
        return _write(vault, abouts, folder, how)


def _print(vault: Vault, about: About, how: str) -> int:
    try:
        text = written(vault.load(about), how, about.key)
    except Untranslatable as exc:
        msg = f"{about.key} cannot be written as {how}: {exc}"
        raise BadDataError(msg) from exc
    put(text, nl=False)
    return 0


def _write(vault: Vault, abouts: Iterable[About], folder: Path, how: str) -> int:
    count, failed = 0, 0
    try:
        private_folder(folder)
        for about in abouts:
            conversation = vault.load(about)
            files: dict[str, bytes] = {}
            try:
                text = written(conversation, how, about.key, files)
            except Untranslatable as exc:
                failed += 1
                if failed <= _MOST_SAID:
                    say(f"left out: {about.key}: {exc}")
                continue
            _put(folder / file_name(conversation, about.key, how), text)
            for name, data in files.items():
                private_folder((folder / name).parent)
                _put(folder / name, data)
            count += 1
    except OSError as exc:
        msg = f"{exc.filename or folder}: cannot be written: {exc.strerror or type(exc).__name__}"
        raise BadDataError(msg) from exc
    click.echo(f"{count} conversations written to {folder}" + (f", {failed} left out" if failed else ""))
    return BadDataError.exit_code if failed else 0


def _put(path: Path, data: bytes) -> None:
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return  # so that git and backups see what changed
    replace_file(path, data)
