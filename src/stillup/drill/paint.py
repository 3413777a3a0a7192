"""From values to markup: the templates beside this file. Whatever they are told is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stillup.drill import words


@cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("stillup.drill"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.filters.update(
        seconds=words.seconds, share=words.share, line=words.line, became=words.became, asked_for=words.what
    )
    env.globals["count"] = words.count
    return env


def paint(template: str, /, **told: object) -> Markup:
    """A template with what it needs, by name."""
    return Markup(_environment().get_template(template).render(**told).strip())  # noqa: S704 - the template escaped
