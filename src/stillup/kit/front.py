"""A file of the kit read: front matter between two lines of ``---`` (YAML), then the text. Pure.

Every value is taken as the text that stands there: ``no`` is a word, and 1.10 keeps its zero. Keys that other programs
use are let be. Front matter that cannot be read costs only itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from stillup.kit.entry import Entry, Kind, Variable
from stillup.kit.places import is_name, variables_of
from stillup.model.service import Capability

MAX_CHARS = 1 << 20
_MAX_FRONT = 16_384
_MOST = 50
_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"#{1,6}[ \t]+(\S.*)")
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Makes texts, lists and tables, and nothing else: no tag of a file calls anything."""


class _Odd(Exception):
    """What is wrong with the front matter, as the end of a sentence."""


def read_entry(name: str, text: str) -> Entry:
    """An entry from the text of its file."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    found = _FRONT.match(text)
    body = text[found.end() :] if found else text
    body = body.strip("\n") + "\n" if body.strip() else ""
    says: Mapping[str, Any] = {}
    troubles: list[str] = []
    try:
        says = _table(found[1]) if found else {}
    except _Odd as exc:
        troubles.append(str(exc))
    read = _Reader(says, troubles)
    return Entry(
        name=name,
        title=read.line("title") or _title(name, body),
        text=body,
        kind=read.kind(),
        about=read.line("about"),
        tasks=read.tasks(),
        tags=read.words("tags"),
        variables=variables_of(body, read.variables()),
        trouble="; ".join(troubles),
    )


def _table(front: str) -> Mapping[str, Any]:
    if len(front) > _MAX_FRONT:
        msg = f"its front matter is longer than {_MAX_FRONT} characters"
        raise _Odd(msg)
    try:
        # An alias in a list of aliases could stand for more than there is memory.
        if any(isinstance(e, yaml.AliasEvent) for e in yaml.parse(front, Loader=_LOADER)):
            msg = "its front matter uses YAML's aliases, which are not read"
            raise _Odd(msg)
        says = yaml.load(front, Loader=_LOADER)  # noqa: S506 - the base loader makes texts, lists and tables only
    except yaml.MarkedYAMLError as exc:
        line = f"line {exc.problem_mark.line + 2}: " if exc.problem_mark else ""
        msg = f"{line}its front matter is no YAML ({exc.problem or 'not known why'}); a text with a colon needs quotes"
        raise _Odd(msg) from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        msg = "its front matter is no YAML"
        raise _Odd(msg) from exc
    if says is None or says == "":
        return {}
    if not isinstance(says, dict) or not all(isinstance(key, str) for key in says):
        msg = "its front matter is no table of `key: value`"
        raise _Odd(msg)
    return says


def _title(name: str, body: str) -> str:
    """The first heading when the text begins with one, else the file's name in words."""
    heading = _HEADING.match(body)
    return heading[1].strip() if heading else name.rpartition("/")[2].replace("-", " ").replace("_", " ").capitalize()


class _Reader:
    """Takes values out of front matter, and notes those that are odd."""

    def __init__(self, says: Mapping[str, Any], troubles: list[str]) -> None:
        self._says, self._troubles = says, troubles

    def line(self, key: str) -> str:
        found = self._says.get(key, "")
        if isinstance(found, str):
            return " ".join(found.split())[:300]
        self._odd(key, "one line of text")
        return ""

    def words(self, key: str) -> tuple[str, ...]:
        """A list, or texts with commas between them."""
        found = self._says.get(key, "")
        if isinstance(found, str):
            found = found.split(",")
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            self._odd(key, "a list of words")
            return ()
        words = (" ".join(word.split())[:80] for word in found[:_MOST])
        return tuple(dict.fromkeys(word for word in words if word))

    def kind(self) -> Kind:
        word = self.line("kind").lower() or Kind.PROMPT.value
        if word in list(Kind):
            return Kind(word)
        self._odd("kind", ", ".join(Kind))
        return Kind.PROMPT

    def tasks(self) -> tuple[Capability, ...]:
        words = [word.lower() for word in self.words("task")]
        if any(word not in list(Capability) for word in words):
            self._odd("task", ", ".join(Capability))
        return tuple(Capability(word) for word in words if word in list(Capability))

    def variables(self) -> list[Variable]:
        """``name: default``, or ``name: {about: …, default: …}``, or a list of names."""
        found = self._says.get("variables") or {}
        if isinstance(found, Sequence) and not isinstance(found, str):
            found = {name: {} for name in found if isinstance(name, str)}
        if not isinstance(found, dict):
            self._odd("variables", "a table of `name: default` or `name: {about: …, default: …}`")
            return []
        return [v for name, says in list(found.items())[:_MOST] if (v := self._variable(name, says)) is not None]

    def _variable(self, name: str, says: object) -> Variable | None:
        if isinstance(says, str):
            says = {"default": says}
        if not isinstance(says, dict) or not is_name(name) or not all(isinstance(v, str) for v in says.values()):
            self._odd(f"variables, {str(name)[:40]!r}", "a name of letters, digits, - and _, with a default or a table")
            return None
        if not says.keys() <= {"about", "default"}:  # or a comma in a text without quotes
            self._odd(f"variables, {name!r}", "about and default; a text with a comma needs quotes")
        return Variable(name=name, about=" ".join(says.get("about", "").split())[:200], default=says.get("default"))

    def _odd(self, key: str, allowed: str) -> None:
        self._troubles.append(f"{key} in its front matter cannot be used; allowed: {allowed}")
