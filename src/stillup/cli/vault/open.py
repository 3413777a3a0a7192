"""Opening the vault as configured: where it is, and its passphrase where it has one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.errors import UsageError
from stillup.secret import Secret
from stillup.vault.passphrase import find_passphrase

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.vault.store import Vault


def vault_path(config: Config) -> Path:
    """The vault's file; it may not exist yet."""
    return config.data_folder / "vault.db"


def open_from(config: Config, *, create: bool = False) -> Vault:
    """The vault; a passphrase that is nowhere to be found is asked for.

    :raises UsageError: there is none yet.
    :raises stillup.errors.StoreError: it cannot be opened; the passphrase is wrong.
    """
    from stillup.vault.crypt import is_encrypted
    from stillup.vault.store import open_vault

    path = vault_path(config)
    if not create and not path.exists():
        msg = f"there is no vault yet at {path}; `stillup vault import` makes one"
        raise UsageError(msg)
    return open_vault(path, passphrase_of(config, os.environ) if is_encrypted(path) else None)


def passphrase_of(config: Config, environ: Mapping[str, str]) -> Secret | None:
    """The passphrase as configured, else asked for where there is a person to ask."""
    found = find_passphrase(config.vault, environ)
    if found is None and sys.stdin.isatty():
        found = Secret(click.prompt("Passphrase of the vault", hide_input=True, err=True))
    return found
