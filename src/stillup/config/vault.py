"""The store of conversations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from stillup.config.types import KeyFile, Variable, says


class Vault(Struct, frozen=True, kw_only=True):
    """Your conversations, kept for good."""

    follow: Annotated[
        bool | None,
        says(
            "Whether `stillup up` and `stillup gateway` put what goes through the gateway, and what is new in folders "
            "that were imported, into the vault. Default: once there is a vault (`stillup vault import` makes it)"
        ),
    ] = None
    passphrase_env: Annotated[
        Variable,
        says("The variable that holds the passphrase of an encrypted vault; without it, `stillup vault` asks"),
    ] = "STILLUP_VAULT_PASSPHRASE"  # noqa: S105 - the name of a variable
    passphrase_file: Annotated[
        KeyFile | None,
        says("A file (mode 0600) that holds the passphrase, if the variable named by `passphrase_env` does not"),
    ] = None
    keyring: Annotated[
        bool,
        says("`true` looks for the passphrase in this system's keyring (service `stillup`, user `vault`)"),
    ] = False
