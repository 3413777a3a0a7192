"""The templates: one environment for every page, escaping always on, and a name that is missing is an error.

``render("x.html", site=site, …)`` gives a page that stands on ``base.html``; whatever a template needs is handed to it
by name. What every page may use besides: the filters of :mod:`stillup.web.words` and ``asset(name)``.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from stillup.web import words

if TYPE_CHECKING:
    from stillup.web.site import Site

PRIVATE = {"chat": "gateway", "vault": "vault", "risk": "risk", "sla": "sla", "drills": "practice"}
"""Pages that are behind the token everywhere, and what of a site each stands on."""
_BEHIND = frozenset(f"{name}.html" for name in ("chat", "vault", "talk", "risk", "sla", "switch", "drills", "drill"))


@cache
def environment() -> Environment:
    """The environment; the same one at every call. All templates are read at the first one.

    An update of the package under a running process must not mix its templates with the code that was loaded.
    """
    env = Environment(
        loader=PackageLoader("stillup.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=words.seen,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.filters.update(words.FILTERS)
    env.globals.update(words.GLOBALS)
    env.globals["asset"] = asset
    env.globals["draw"] = None
    for name in env.list_templates():
        env.get_template(name)
    return env


def render(name: str, *, site: Site | None = None, **context: object) -> bytes:
    """A template as UTF-8 bytes.

    With ``site`` it also gets ``board`` and ``now`` (unless they are handed over), ``reports``: whether they are taken,
    and whether there are the private pages :data:`PRIVATE`. A page that anybody may read leads to none of those.
    """
    told: dict[str, object] = {"board": None, "now": None, "reports": False, **dict.fromkeys(PRIVATE, False)}
    if site is not None:
        told |= {"board": site.board(), "now": site.clock.now(), "reports": site.desk is not None}
        if name in _BEHIND or not site.settings.public:
            told |= {page: getattr(site, part) is not None for page, part in PRIVATE.items()}
    return environment().get_template(name).render(told | context).encode("utf-8", "replace")


@cache
def asset(name: str) -> str:
    """The address of a static file, with a mark of its content: it may be kept for ever."""
    content = (files("stillup.web") / "static" / name).read_bytes()
    return f"/static/{name}?v={sha256(content).hexdigest()[:12]}"
