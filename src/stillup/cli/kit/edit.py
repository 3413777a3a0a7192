"""New files of the kit, and the user's editor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from stillup.cli.kit.fill import read_text
from stillup.cli.say import say, warn
from stillup.errors import BadDataError, UsageError
from stillup.kit.entry import Entry
from stillup.kit.folder import read_file, write_new
from stillup.kit.front import MAX_CHARS

if TYPE_CHECKING:
    from stillup.cli.kit.names import KitPlace
    from stillup.kit.index import Row

_BEGIN = "Write the prompt here. {{input}} is a place to fill in, {{tone|friendly}} one with a default.\n"


def draft(
    place: KitPlace,
    name: str,
    *,
    source: str | None,
    source_text: str | None,
    paste: bool,
    title: str,
    task: str | None,
) -> str:
    """The whole text of a new file: front matter and text.

    :raises UsageError: the source cannot be used.
    """
    if source is not None:
        return read_text(place.path(place.find(source))) + "\n"
    body = _body(source_text, paste=paste) or _BEGIN
    if body.startswith("---\n"):  # it brings its own
        return body
    title = " ".join(title.split()) or name.rpartition("/")[2].replace("-", " ").replace("_", " ").capitalize()
    says: dict[str, object] = {"title": title, "task": task, "tags": []}
    front = yaml.safe_dump({k: v for k, v in says.items() if v is not None}, allow_unicode=True, sort_keys=False)
    return f"---\n{front}---\n{body.rstrip()}\n"


def _body(source_text: str | None, *, paste: bool) -> str:
    if paste:
        from stillup.cli.terminal import clipboard

        text = clipboard.read()
    elif source_text == "-":
        text = sys.stdin.read(MAX_CHARS + 1)
    elif source_text:
        text = read_text(Path(source_text).expanduser())
    else:
        return ""
    if len(text.encode()) > MAX_CHARS or "\0" in text:
        msg = f"the text is longer than {MAX_CHARS // 1024} KiB, or none"
        raise UsageError(msg)
    return text


def own_copy(place: KitPlace, row: Row) -> Path:
    """The user's own file, made from the starter where there is none."""
    if row.is_own:
        return place.path(row)
    path = write_new(place.own, row.name, place.path(row).read_text("utf-8"))
    say(f"A copy of the starter, which stands for it from now on: {path}")
    return path


def edit_file(path: Path) -> int:
    """Open it, and say afterwards what of it cannot be used.

    :raises BadDataError: no editor could be run.
    """
    try:
        click.edit(filename=str(path))
    except click.ClickException as exc:
        msg = f"no editor could be run ({exc.format_message()}); set EDITOR, or change {path} by any other means"
        raise BadDataError(msg) from exc
    entry = read_file(path.stem, str(path))
    if not isinstance(entry, Entry):
        warn(f"{entry.path} {entry.why}")
    elif entry.trouble:
        warn(f"{path}: {entry.trouble}")
    return 0
