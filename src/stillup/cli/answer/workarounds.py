"""What others say helped, on a terminal and for programs: other people's words, and marked as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from stillup.cli.common import indented, span
from stillup.daemon.advice import workarounds
from stillup.daemon.ask import FirstAnswer
from stillup.response.workarounds import Workaround

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLE = "What others say helped"
NOTE = "links to other people's posts, not checked by stillup"


def workarounds_block(answer: FirstAnswer) -> list[RenderableType]:
    """The block of the answer; nothing where there is nothing to show."""
    found = workarounds(answer.reports, answer.verdict, answer.components, answer.at)
    if not found:
        return []
    head = Text.assemble((TITLE, "bold"), (f" ({NOTE})", "dim"))
    return ["", head, *(part for one in found for part in _lines(one))]


def _lines(one: Workaround) -> list[RenderableType]:
    age = "just now" if one.age_s < 60 else f"{span(one.age_s)} old"
    small = " · ".join((one.host, age, "; ".join(one.why)))
    return [
        indented(Text(f"• {one.title}")),
        indented(Text(small, style="dim"), 4),
        indented(Text(one.url, style="dim", overflow="fold"), 4),
    ]


def workarounds_json(answer: FirstAnswer) -> dict[str, object]:
    """The same for programs; ``links`` is empty where there is nothing to show."""
    return {"note": NOTE, "links": workarounds(answer.reports, answer.verdict, answer.components, answer.at)}
