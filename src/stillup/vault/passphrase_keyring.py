"""The system's keyring, by way of the package keyring where it is installed."""

from __future__ import annotations

from typing import Any

from stillup.errors import ConfigError


def get(service: str, user: str) -> str:
    """The password that is kept there; empty without one.

    :raises ConfigError: there is no keyring, or it is locked.
    """
    keyring, error = _module()
    try:
        return keyring.get_password(service, user) or ""
    except error as exc:
        raise _unusable(exc) from None


def put(service: str, user: str, password: str) -> None:
    """Keep a password there.

    :raises ConfigError: there is no keyring, or it is locked.
    """
    keyring, error = _module()
    try:
        keyring.set_password(service, user, password)
    except error as exc:
        raise _unusable(exc) from None


def _module() -> tuple[Any, type[Exception]]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        msg = "the system's keyring needs the package keyring: pip install 'stillup[sqlcipher]'"
        raise ConfigError(msg) from None
    return keyring, KeyringError


def _unusable(exc: Exception) -> ConfigError:
    return ConfigError(f"the system's keyring cannot be used: {type(exc).__name__}")
