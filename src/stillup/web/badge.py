"""Badges: ``/{service}/badge.svg`` and ``/badge.svg``, a state in colour and in words, for a README or a wiki."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, Router, get
from litestar.params import FromPath, FromQuery  # noqa: TC002  litestar reads them at run time

from stillup.board import Board, ServiceBoard
from stillup.model.service import Confidence, State, worst
from stillup.model.verdict import Verdict
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import STATE_WORDS
from stillup.web.api.query import short
from stillup.web.api.routes import find
from stillup.web.problems import HANDLERS, Refusal
from stillup.web.reply import reply, shown_elsewhere

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

MOST_LABEL = 40
_SVG = "http://www.w3.org/2000/svg"
_NAMESPACES: dict[str | None, str] = {None: _SVG}
_MAX_AGE_S = 60
_PAD, _HEIGHT, _BASELINE, _FONT_PX = 6.0, 20, 14, 11
_COLOURS = {
    State.OPERATIONAL: "#1a7f37",
    State.DEGRADED: "#9a6700",
    State.PARTIAL_OUTAGE: "#bc4c00",
    State.MAJOR_OUTAGE: "#cf222e",
    State.MAINTENANCE: "#0969da",
    State.UNKNOWN: "#59636e",
}
"""White on each of them has a contrast of at least 4.5 to 1."""

_TENTHS = {
    30: "'", 31: "ijl", 32: "IJ", 35: " ,.", 37: "/:;\\|", 39: "f", 40: "-", 43: "()[]t", 44: "!", 45: "r", 51: '"',
    55: "*_`", 57: "s", 58: "?z", 60: "c", 61: "L", 63: "F", 64: "k", 65: "vxy", 66: "P", 67: "TYao", 68: "e",
    70: "$0123456789ESbdghnpqu{}", 72: "K", 75: "ABVXZ", 76: "R", 77: "C", 81: "U", 82: "N", 83: "H", 85: "DG", 86: "&",
    87: "OQ", 90: "w", 92: "#+<=>^~", 95: "M", 105: "%", 107: "m", 109: "W", 110: "@",
}  # fmt: skip
"""How wide DejaVu Sans, which has Verdana's widths, sets each sign at 11 px, in tenths of a pixel."""
_WIDTHS = {sign: tenths / 10 for tenths, signs in _TENTHS.items() for sign in signs}
_USUAL_PX, _WIDE_PX = 7.5, 11.5


def width(text: str) -> float:
    """How wide a text is at 11 px, in pixels. Others than ASCII are taken as a little wider than they mostly are."""
    return sum(_WIDTHS.get(c) or _other(c) for c in text)


def _other(sign: str) -> float:
    if unicodedata.combining(sign):
        return 0.0
    return _WIDE_PX if unicodedata.east_asian_width(sign) in "WF" else _USUAL_PX


def badge(label: str, words: str, state: State) -> bytes:
    """The image. What is read aloud is its title; the text is stretched to its place, whatever font there is."""
    from lxml import etree

    left, right = (round(width(text) + 2 * _PAD, 1) for text in (label, words))
    whole = round(left + right, 1)
    said = f"{label}: {words}"
    root = etree.Element(
        f"{{{_SVG}}}svg",
        {"width": f"{whole}", "height": f"{_HEIGHT}", "viewBox": f"0 0 {whole} {_HEIGHT}", "role": "img",
         "aria-label": said},
        nsmap=_NAMESPACES,  # type: ignore[arg-type]  # the stubs know no default
    )  # fmt: skip
    etree.SubElement(root, f"{{{_SVG}}}title").text = said
    boxes = ((0.0, left, "#333333", label), (left, right, _COLOURS[state], words))
    for x, across, colour, _ in boxes:
        etree.SubElement(
            root, f"{{{_SVG}}}rect", {"x": f"{x}", "width": f"{across}", "height": f"{_HEIGHT}", "fill": colour}
        )
    group = etree.SubElement(
        root, f"{{{_SVG}}}g",
        {"fill": "#ffffff", "font-family": "Verdana,'DejaVu Sans',Geneva,sans-serif", "font-size": f"{_FONT_PX}",
         "text-anchor": "middle", "aria-hidden": "true"},
    )  # fmt: skip
    for x, across, _, text in boxes:
        made = etree.SubElement(
            group, f"{{{_SVG}}}text",
            {"x": f"{round(x + across / 2, 1)}", "y": f"{_BASELINE}", "textLength": f"{round(across - 2 * _PAD, 1)}"},
        )  # fmt: skip
        made.text = text
    return bytes(etree.tostring(root, encoding="utf-8"))


def _words(verdict: Verdict | None) -> str:
    state = verdict.state if verdict else State.UNKNOWN
    suspected = verdict is not None and verdict.confidence is Confidence.SUSPECTED
    return f"{STATE_WORDS[state]}{', suspected' if suspected else ''}"


def _of_one(shown: ServiceBoard, component: str | None) -> tuple[str, str, State]:
    """Label, words and state.

    :raises Refusal: there is no such component.
    """
    if component is None:
        return shown.service.name, _words(shown.verdict), shown.state
    known = shown.service.component(component)
    verdict = shown.components.get(component)
    if known is None and verdict is None:
        detail = f"{shown.service.name} has no component called {clean(component, 40)!r}."
        raise Refusal(404, "unknown-component", detail, tuple(c.id for c in shown.service.components))
    name = known.name if known else clean(component, MOST_LABEL)
    return name, _words(verdict), verdict.state if verdict else State.UNKNOWN


def _of_all(board: Board) -> tuple[str, str, State]:
    states = [s.state for s in board.services.values()]
    bad = sum(s.is_fault for s in states)
    unknown = sum(s is State.UNKNOWN for s in states)
    state = worst(s for s in states if s is not State.UNKNOWN)
    words = "all operational" if state is State.OPERATIONAL else STATE_WORDS[state]
    if bad:
        words = f"{bad} of {len(states)} in trouble"
    elif 0 < unknown < len(states):
        words = f"{len(states) - unknown} without trouble, {unknown} unknown"
        state = State.UNKNOWN if 2 * unknown > len(states) else state  # green is for what is mostly known
    return "AI services", words, state


def _label(given: str | None, usual: str) -> str:
    """What stands on the left.

    :raises Refusal: too long.
    """
    if given is None:
        return usual
    if len(given) > MOST_LABEL:
        allowed = (f"at most {MOST_LABEL} characters",)
        raise Refusal(400, "bad-parameter", f"The label has {len(given)} characters.", allowed)
    return clean(given, MOST_LABEL) or usual


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/badge.svg`` and ``/{service}/badge.svg``."""

    def answer(request: Request[Any, Any, Any], told: tuple[str, str, State], label: str | None) -> Response[bytes]:
        usual, words, state = told
        body = badge(_label(label, usual), words, state)
        return reply(request, body, "image/svg+xml", max_age_s=_MAX_AGE_S, headers=shown_elsewhere(request))

    @get("/badge.svg", sync_to_thread=False)
    def of_all(request: Request[Any, Any, Any], label: FromQuery[str | None] = None) -> Response[bytes]:
        return answer(request, _of_all(site.board()), label)

    @get("/{service:str}/badge.svg", sync_to_thread=False)
    def of_one(
        request: Request[Any, Any, Any],
        service: FromPath[str],
        component: FromQuery[str | None] = None,
        label: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        return answer(request, _of_one(find(site.board(), service), component), label)

    return [Router("/", route_handlers=[of_all, of_one], exception_handlers=HANDLERS, guards=[short])]
