"""Where a source's key comes from: a variable or a private file, never the configuration itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stillup.catalog.load import catalogue
from stillup.config.schema import SourceOptions
from stillup.errors import ConfigError
from stillup.registry import SOURCES
from stillup.secret import Secret

_MAX_BYTES = 64 * 1024


def find_key(source_id: str, service_id: str, options: SourceOptions, environ: Mapping[str, str]) -> Secret | None:
    """The key of one source for one service, or None.

    What the config names is looked at, the variable first; only where it names nothing, the source's usual variable.

    :raises ConfigError: the file cannot be read.
    """
    named = options.key_env or ("" if options.key_file else usual_variable(source_id, service_id))
    return key_at(named, options.key_file, environ)


def key_at(variable: str | None, file: str | None, environ: Mapping[str, str]) -> Secret | None:
    """The key that a variable holds, else a file; None where neither has one.

    :raises ConfigError: the file cannot be read.
    """
    text = environ.get(variable, "").strip() if variable else ""
    if not text and file:
        text = _read(Path(file))
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
