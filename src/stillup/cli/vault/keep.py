"""``stillup vault verify``, ``prune``, ``encrypt``, ``decrypt``: keeping the vault whole, small and private."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.say import put, say
from stillup.cli.vault.open import open_from, passphrase_of, vault_path
from stillup.cli.vault.view import day
from stillup.clock import SystemClock
from stillup.errors import BadDataError, UsageError
from stillup.secret import Secret
from stillup.sources.decode import clean
from stillup.vault.crypt import is_encrypted, rewrite
from stillup.vault.keeping import delete, verify
from stillup.vault.passphrase import find_passphrase, keep_in_keyring

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.vault.store import About, Vault

_DAY_S = 86_400
_SHOWN = 10
_LEAST = 8


def run_verify(config: Config, *, as_json: bool) -> int:
    """Check everything."""
    with open_from(config) as vault:
        checked = verify(vault)
    if as_json:
        put(msgspec.json.encode(checked))
    else:
        for trouble in checked.troubles:
            say(trouble)
        click.echo(
            f"{checked.conversations:,} conversations, {checked.messages:,} messages and {checked.attachments:,} "
            f"attachments looked at: {'not all is whole' if checked.troubles else 'all is whole'}."
        )
    return BadDataError.exit_code if checked.troubles else 0


def run_prune(config: Config, ids: tuple[str, ...], days: int | None, narrowed: tuple[str, str], *, yes: bool) -> int:
    """Delete conversations, once a person said so.

    :raises UsageError: nothing says which.
    """
    if not ids and days is None and not any(narrowed):
        msg = "say which: an ID, --older-than DAYS, --origin or --service"
        raise UsageError(msg)
    with open_from(config) as vault:
        found = list(_meant(vault, ids, days, narrowed))
        if not found:
            click.echo("There is nothing like that.", err=True)
            return 0
        for about in found[:_SHOWN]:
            click.echo(f"{about.key}  {day(about.changed_s)}  {clean(about.title, 70)}", err=True)
        if len(found) > _SHOWN:
            click.echo(f"… and {len(found) - _SHOWN} more", err=True)
        if not yes:
            if not sys.stdin.isatty():
                msg = f"nothing was deleted: --yes deletes these {len(found)} conversations for good"
                raise UsageError(msg)
            click.confirm(f"Delete {len(found)} conversations for good?", abort=True, err=True)
        delete(vault, [about.n for about in found])
    click.echo(f"{len(found)} conversations deleted.")
    return 0


def _meant(vault: Vault, ids: tuple[str, ...], days: int | None, narrowed: tuple[str, str]) -> Iterator[About]:
    origin, service = narrowed
    before_s = SystemClock().wall_s() - days * _DAY_S if days is not None else None
    abouts = [vault.find(name) for name in ids] if ids else vault.every(origin=origin, service=service)
    for about in abouts:
        last_s = about.changed_s if about.changed_s is not None else about.began_s
        if before_s is None or (last_s is not None and last_s < before_s):
            yield about


def run_encrypt(config: Config, *, keyring: bool) -> int:
    """Encrypt the vault with a passphrase that is asked for, or is configured.

    :raises UsageError: there is no vault, no passphrase, or a weak one.
    """
    path = vault_path(config)
    with open_from(config, create=True):  # it is one of ours, and its passphrase is right
        old = passphrase_of(config, os.environ) if is_encrypted(path) else None
    new = None if old is not None else find_passphrase(config.vault, os.environ)
    if new is None:
        if not sys.stdin.isatty():
            msg = f"set {config.vault.passphrase_env} to the passphrase, or run this in a terminal"
            raise UsageError(msg)
        new = Secret(click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True))
    if len(new.reveal()) < _LEAST:
        msg = f"a passphrase has at least {_LEAST} characters"
        raise UsageError(msg)
    rewrite(path, old, new)
    if keyring:
        keep_in_keyring(new)
    click.echo("The vault is encrypted. Without its passphrase nobody can read it, and neither can you.")
    click.echo("What was unencrypted before may still be found on the disk and in backups until it is overwritten.")
    return 0


def run_decrypt(config: Config) -> int:
    """Keep it unencrypted."""
    path = vault_path(config)
    if not is_encrypted(path):
        click.echo("The vault is not encrypted.")
        return 0
    passphrase = passphrase_of(config, os.environ)
    if passphrase is None:
        msg = f"set {config.vault.passphrase_env} to the passphrase, or run this in a terminal"
        raise UsageError(msg)
    rewrite(path, passphrase, None)
    click.echo("The vault is not encrypted any more.")
    return 0
