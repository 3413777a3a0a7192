"""Where a source's key comes from: a variable or a private file, never the configuration itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stillup.catalog.load import catalogue
from stillup.config.source_options import SourceOptions
from stillup.errors import ConfigError
from stillup.registry import SOURCES
from stillup.secret import Secret

_MAX_BYTES = 64 * 1024


def find_key(source_id: str, service_id: str, options: SourceOptions, environ: Mapping[str, str]) -> Secret | None:
    """The key of one source for one service, or None.

    What the config names is looked at, the variable first; only where it names nothing, the source's usual variable.

    :raises ConfigError: the file cannot be read, or what is there is no key.
    """
    named = options.key_env or ("" if options.key_file else usual_variable(source_id, service_id))
    return key_at(named, options.key_file, environ)


def key_at(variable: str | None, file: str | None, environ: Mapping[str, str]) -> Secret | None:
    """The key that a variable holds, else a file; None where the variable is empty and no file is named.

    :raises ConfigError: the file cannot be read or is empty, or what is there cannot stand in a request's header.
    """
    text = environ.get(variable, "").strip() if variable else ""
    where = variable
    if not text and file:
        text, where = _read(Path(file)), file
        if not text:
            msg = f"{where}: there is no key in this file"
            raise ConfigError(msg)
    if not (text.isascii() and text.isprintable()):
        # It could never be sent, and every request would look as if its provider refused the key.
        msg = f"{where}: the key cannot be sent: it holds a line break or another character that no key has"
        raise ConfigError(msg)
    return Secret(text) if text else None


def usual_variable(source_id: str, service_id: str) -> str:
    """The variable that usually holds the key: the source's own, or for the probe that of the service's API."""
    service = catalogue().get(service_id)
    if source_id != "probe" or service is None:
        return SOURCES[source_id].key_env
    return next((e.key_env for e in service.endpoints if e.key_env), "")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it holds more than ASCII text"
        msg = f"{path}: the key cannot be read: {why}"
        raise ConfigError(msg) from None
