"""Where the passphrase of an encrypted vault comes from: a variable, a private file or the system's keyring."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stillup.config.vault import Vault as Settings
from stillup.errors import ConfigError
from stillup.secret import Secret

_SERVICE, _USER = "stillup", "vault"
_MOST_BYTES = 64 * 1024


def find_passphrase(settings: Settings, environ: Mapping[str, str]) -> Secret | None:
    """The first of them that has one; None where none has.

    :raises ConfigError: the file cannot be read or is empty; the keyring is asked for and is not there.
    """
    text = environ.get(settings.passphrase_env, "")
    if not text and settings.passphrase_file:
        text = _read(Path(settings.passphrase_file))
    if not text and settings.keyring:
        text = _in_keyring()
    return Secret(text) if text else None


def keep_in_keyring(passphrase: Secret) -> None:
    """Keep it in the system's keyring.

    :raises ConfigError: there is no keyring that would take it.
    """
    from stillup.vault.passphrase_keyring import put

    put(_SERVICE, _USER, passphrase.reveal())


def _in_keyring() -> str:
    from stillup.vault.passphrase_keyring import get

    return get(_SERVICE, _USER)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is no text (UTF-8)"
        msg = f"{path}: the passphrase cannot be read: {why}"
        raise ConfigError(msg) from None
    if not text:
        msg = f"{path}: there is no passphrase in this file"
        raise ConfigError(msg)
    return text
