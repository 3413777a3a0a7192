"""The token that opens what is private on the page: the one the configuration names, else one made once and kept.

Another may open the metrics alone, for who only counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from secrets import token_urlsafe

from stillup.config.keys import key_at
from stillup.config.schema import Web
from stillup.errors import ConfigError
from stillup.private import make_file, private_folder
from stillup.secret import Secret

FILE = "web.token"
_BYTES = 32
_LEAST = 16


def place_of(settings: Web, data_folder: Path) -> str:
    """Where the page's token is, for whoever may look there."""
    named = [f"the variable {settings.token_env}"] if settings.token_env else []
    if settings.token_file:
        named.append(settings.token_file)
    return " or ".join(named) or str(data_folder / FILE)


def find_token(settings: Web, data_folder: Path, environ: Mapping[str, str]) -> Secret:
    """The page's token; one is made in the data folder, for its owner alone, where the configuration names none.

    :raises stillup.errors.ConfigError: it cannot be read or kept, is empty, or is short enough to be guessed.
    """
    if settings.token_env or settings.token_file:
        found = key_at(settings.token_env, settings.token_file, environ)
        where = settings.token_env or settings.token_file
    else:
        where = str(data_folder / FILE)
        found = _kept(data_folder / FILE)
    return _must_be_good(found, "web.token_env", where)


def find_metrics_token(settings: Web, environ: Mapping[str, str]) -> Secret | None:
    """The token that opens ``/metrics`` alone; None where the configuration names none.

    :raises stillup.errors.ConfigError: it cannot be read, is empty, or is short enough to be guessed.
    """
    if not (settings.metrics_token_env or settings.metrics_token_file):
        return None
    found = key_at(settings.metrics_token_env, settings.metrics_token_file, environ)
    return _must_be_good(found, "web.metrics_token_env", settings.metrics_token_env or settings.metrics_token_file)


def _must_be_good(token: Secret | None, key: str, where: str | None) -> Secret:
    if token is None:
        msg = f"{key}: the variable {where} is empty, so there is no token"
        raise ConfigError(msg)
    if len(token.reveal()) < _LEAST:
        msg = f"{where}: the token has fewer than {_LEAST} characters; a longer one cannot be guessed"
        raise ConfigError(msg)
    return token


def _kept(path: Path) -> Secret | None:
    try:
        private_folder(path.parent)
        if path.exists() and not path.stat().st_size:
            path.unlink()
        if not path.exists():
            make_file(path, f"{token_urlsafe(_BYTES)}\n".encode())
        elif path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as exc:
        msg = f"{path}: the page's token cannot be kept: {exc.strerror or exc}"
        raise ConfigError(msg) from exc
    return key_at(None, str(path), {})
