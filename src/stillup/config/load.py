"""Find, read and check the configuration; everything that is wrong with it is told at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillup.config.model import Config
from stillup.errors import ConfigError

if TYPE_CHECKING:
    from stillup.config.environment import Overlay
    from stillup.config.words import Complaint

FILE_NAME = "stillup.toml"
_MAX_BYTES = 1 << 20
_MAX_COMPLAINTS = 20
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration: ``path``, else ``$STILLUP_CONFIG`` or the user's own, else the defaults.

    ``STILLUP_*`` variables are laid over it. Relative paths in a file start at its folder, in variables at the current
    one.

    :raises ConfigError: one line for each thing that is wrong: ``file:line: key: what it is; allowed: what may be``.
    """
    found = path or _search(environ)
    if found is None:
        return parse_config("", environ)
    return parse_config(_read(found), environ, found)


def parse_config(text: str, environ: Mapping[str, str] | None = None, path: Path | None = None) -> Config:
    """As :func:`load_config`, of a text that is at hand; ``path`` is what refusals call it.

    :raises ConfigError: as there.
    """
    if not text and not any(name.startswith("STILLUP_") for name in environ or {}):
        return Config(path=path)  # the usual case: nothing to read, so none of the readers is loaded
    from stillup.config import rules
    from stillup.config.cautions import cautions
    from stillup.config.environment import ignored, lay_over, overlay
    from stillup.config.read import Reader

    tree = _decode(text, path)
    over = overlay(environ or {})
    reader = Reader(path.absolute().parent if path else Path.cwd())
    document = reader.document(lay_over(tree, over.tree))
    wrong = [*reader.complaints, *rules.complaints(document, reader.complaints)]
    if wrong:
        raise ConfigError(_tell(wrong, text, path, over))
    warnings = (*ignored(over.unknown, tree), *cautions(document, environ or {}))
    return Config.of(document, path=path, warnings=warnings)


def _search(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("STILLUP_CONFIG", "").strip()
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    own = user_config_path("stillup") / FILE_NAME
    return own if own.is_file() else None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            body = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        msg = f"{path}: cannot be read: {exc.strerror}"
        raise ConfigError(msg) from exc
    if len(body) > _MAX_BYTES:
        msg = f"{path}: larger than 1 MiB; allowed: a configuration file"
        raise ConfigError(msg)
    try:
        return body.decode("utf-8-sig")  # some editors put a mark at the beginning, which TOML does not know
    except UnicodeDecodeError as exc:
        line = body.count(b"\n", 0, exc.start) + 1
        msg = f"{path}:{line}: not UTF-8; allowed: TOML in UTF-8"
        raise ConfigError(msg) from None


def _decode(text: str, path: Path | None) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        place = _PLACE.search(str(exc))
        line = place[1] if place and place[1] else text.rstrip("\n").count("\n") + 1
        what = _PLACE.sub("", str(exc))
    except RecursionError:
        line, what = 1, "nested too deeply"
    msg = f"{_called(path)}:{line}: not TOML: {what}"
    raise ConfigError(msg)


def _tell(wrong: list[Complaint], text: str, path: Path | None, over: Overlay) -> str:
    from stillup.config.locate import line_at, lines_of
    from stillup.config.words import dotted

    lines = lines_of(text)
    told: list[tuple[int, str]] = []
    for complaint in wrong:
        variable = next((v for p, v in over.origins.items() if complaint.path[: len(p)] == p), None)
        line = 0 if variable else line_at(lines, complaint.path)
        where = variable or f"{_called(path)}:{line}"
        told.append((line, f"{where}: {dotted(complaint.path)}: {complaint.says}"))
    told.sort()
    more = [f"… and {len(told) - _MAX_COMPLAINTS} more"] if len(told) > _MAX_COMPLAINTS else []
    return "\n".join([says for _, says in told[:_MAX_COMPLAINTS]] + more)


def _called(path: Path | None) -> str:
    return str(path) if path else "<config>"
