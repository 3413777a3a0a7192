"""From geometry to markup: the templates in ``templates/draw``, and numbers short enough to send."""

from __future__ import annotations

from math import isfinite

from markupsafe import Markup

from stillup.web.render import environment

NOTHING = Markup()


def paint(template: str, /, **told: object) -> Markup:
    """A drawing by its template; whatever it needs is handed to it by name, and every text of it is escaped."""
    return Markup(environment().get_template(f"draw/{template}").render(**told).strip())  # noqa: S704  the template escaped


def short(value: float, digits: int = 2) -> str:
    """A coordinate of so many decimals at most, without zeros that say nothing.

    :raises ValueError: it is not finite, which would be a drawing that no browser shows.
    """
    if not isfinite(value):
        msg = "a coordinate is not a finite number"
        raise ValueError(msg)
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


MOST = 1e9
"""No count is larger; a larger one is drawn as this."""


def known(value: float | None) -> float | None:
    """A count or a rate that can be drawn: None for one that is not known, not finite or below nothing."""
    return min(value, MOST) if value is not None and isfinite(value) and value >= 0 else None


def figure(value: float) -> str:
    """A count as a person reads it: whole where it is, else one decimal; thousands apart."""
    rounded = round(value, 1 if value < 10 else 0)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.1f}"
