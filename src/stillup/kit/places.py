"""Places in a text: ``{{name}}``, ``{{name|default}}``. After a backslash the braces stay as they are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from stillup.kit.entry import Variable

_NAME = r"[^\W\d_][\w-]{0,63}"
_PLACE = re.compile(rf"\\?\{{\{{[ \t]*({_NAME})[ \t]*(?:\|([^{{}}\n]*))?\}}\}}")
_FULL_NAME = re.compile(_NAME)


def is_name(word: str) -> bool:
    """Whether a variable can be called that."""
    return _FULL_NAME.fullmatch(word) is not None


def variables_of(text: str, declared: Iterable[Variable] = ()) -> tuple[Variable, ...]:
    """The variables of a text, each once, in its order; what is declared of one goes before what its place says.

    One that is declared and stands nowhere is none.
    """
    known = {v.name: v for v in declared}
    found: dict[str, Variable] = {}
    for place in _PLACE.finditer(text):
        if place[0].startswith("\\"):
            continue
        name, default = place[1], place[2]
        before = found.get(name) or known.get(name) or Variable(name=name)
        if before.default is None and default is not None:
            before = Variable(name=name, about=before.about, default=default.strip())
        found[name] = before
    return tuple(found.values())


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its places filled in, once: what a value holds is not looked through again.

    A line that held nothing but places, and has nothing now, is left out. A place without a value stays.
    """
    return "".join(line for row in text.splitlines(keepends=True) if (line := _line(row, values)) is not None)


def _line(row: str, values: Mapping[str, str]) -> str | None:
    def put(place: re.Match[str]) -> str:
        if place[0].startswith("\\"):
            return place[0][1:]
        return values.get(place[1], place[0])

    line = _PLACE.sub(put, row)
    return None if row.strip() and not line.strip() else line
