"""The store of conversations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.types import KeyFile, Variable


def _says(text: str) -> Meta:
    return Meta(description=text)


class Vault(Struct, frozen=True, kw_only=True):
    """Your conversations, kept for good."""

    follow: Annotated[
        bool | None,
        _says(
            "Whether `stillup up` and `stillup gateway` put what goes through the gateway, and what is new in folders "
            "that were imported, into the vault. Default: once there is a vault (`stillup vault import` makes it)"
        ),
    ] = None
    passphrase_env: Annotated[
        Variable,
        _says("The variable that holds the passphrase of an encrypted vault; without it, `stillup vault` asks"),
    ] = "STILLUP_VAULT_PASSPHRASE"  # noqa: S105 - the name of a variable
    passphrase_file: Annotated[
        KeyFile | None,
        _says("A file (mode 0600) that holds the passphrase, if the variable named by `passphrase_env` does not"),
    ] = None
    keyring: Annotated[
        bool,
        _says("`true` looks for the passphrase in this system's keyring (service `stillup`, user `vault`)"),
    ] = False
