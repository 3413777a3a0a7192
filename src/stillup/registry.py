"""The sources stillup knows: one line each. Modules are loaded only when a source is used.

Other packages add sources through the entry-point group ``stillup.sources``: an entry is named after the source's id
and points to its :class:`SourceSpec`, whose ``module`` is ``package.module:NAME`` of the source object. The line stands
in a module of its own, which imports nothing else of stillup: it is read before anything else is there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from stillup.model.service import Family

if TYPE_CHECKING:
    from stillup.sources.base import Source


class SourceSpec(Struct, frozen=True):
    """What is known of a source before it is asked.

    ``interval_s`` is its usual cadence: three of them without a word mean *no data*. ``delay_s`` is how far it
    usually trails the start of an outage, ``reliability`` says in words what to think of it. ``module`` is empty
    while only its recordings can be read; ``file:NAME`` is one of several sources in a file. ``calm_counts`` is False
    where silence says nothing (a trending list names what trends and nothing else).
    """

    id: str
    family: Family
    interval_s: int
    title: str
    delay_s: int
    reliability: str
    module: str = ""
    key_env: str = ""
    key_required: bool = False
    calm_counts: bool = True
    mirror: bool = False
    """It repeats official pages, later than they speak."""
    page: bool = False
    """A platform of official status pages: each service has one, at an address of its own."""
    one_look: bool = True
    """Whether it can answer within a person's patience; what takes longer is read when watching only."""
    opt_in: bool = False
    """Read only where the configuration switches it on: it costs the user traffic or money."""


_OFFICIAL, _CROWD, _SOCIAL = Family.OFFICIAL, Family.CROWD, Family.SOCIAL
_SEARCH, _PROBE, _TRAFFIC = Family.SEARCH, Family.PROBE, Family.TRAFFIC
_PAGE = "right when it speaks, often late"

# Usual delays: official pages by measurement of archived Claude pages (median 16.7 min); the others by cadence.
_LINES = (
    SourceSpec("statuspage", _OFFICIAL, 60, "Status page", 1000, _PAGE, "statuspage", page=True),
    SourceSpec(
        "statusgator",
        _OFFICIAL,
        300,
        "StatusGator",
        900,
        "mirrors pages; early warnings from users",
        "statusgator",
        "STATUSGATOR_TOKEN",
        key_required=True,
        mirror=True,
    ),
    SourceSpec("incidentio", _OFFICIAL, 60, "Status page", 1000, _PAGE, "incidentio", page=True),
    SourceSpec("instatus", _OFFICIAL, 60, "Status page", 1000, _PAGE, "instatus", page=True),
    SourceSpec(
        "betterstack", _OFFICIAL, 60, "Status page", 300, "machine-made, fast and noisy", "betterstack", page=True
    ),
    SourceSpec("datadog", _OFFICIAL, 60, "Status page", 1000, _PAGE, "datadog", page=True),
    SourceSpec("flashcat", _OFFICIAL, 60, "Status page", 1000, _PAGE, "flashcat", page=True),
    SourceSpec(
        "checkly",
        _OFFICIAL,
        60,
        "Status page",
        600,
        "machine-made; says what was, hardly what is",
        "checkly",
        page=True,
    ),
    SourceSpec(
        "google_cloud",
        _OFFICIAL,
        60,
        "Google Cloud status",
        4700,
        "often an hour behind",
        "google_cloud:CLOUD",
        page=True,
    ),
    SourceSpec(
        "google_workspace",
        _OFFICIAL,
        60,
        "Google Workspace status",
        4700,
        "often an hour behind",
        "google_cloud:WORKSPACE",
        page=True,
    ),
    SourceSpec("aws", _OFFICIAL, 60, "AWS Health", 1800, "long-open events stay in it", "aws", page=True),
    SourceSpec("azure", _OFFICIAL, 60, "Azure status", 1800, "only broad impact", "azure", page=True),
    SourceSpec(
        "atom", _OFFICIAL, 60, "Status feed", 1000, "components are guessed from its texts", "feeds:ATOM", page=True
    ),
    SourceSpec(
        "rss", _OFFICIAL, 60, "Status feed", 1000, "components are guessed from its texts", "feeds:RSS", page=True
    ),
    SourceSpec(
        "downdetector",
        _CROWD,
        300,
        "Downdetector",
        600,
        "people's reports; early, moved by news",
        "downdetector",
        "DOWNDETECTOR_TOKEN",
        key_required=True,
    ),
    SourceSpec("hub", _CROWD, 60, "stillup reports", 180, "people's reports", "hub"),
    SourceSpec(
        "reddit", _SOCIAL, 300, "Reddit", 420, "posts of users; talk and trouble mixed", "reddit", "REDDIT_TOKEN"
    ),
    SourceSpec(
        "x",
        _SOCIAL,
        900,  # half a cent each time: about what the default cap allows
        "X",
        600,
        "posts; fast, moved by rumour",
        "x",
        key_env="X_BEARER_TOKEN",
        key_required=True,
        opt_in=True,
    ),
    SourceSpec("bluesky", _SOCIAL, 60, "Bluesky", 300, "posts; few", "bluesky", one_look=False, opt_in=True),
    SourceSpec("mastodon", _SOCIAL, 300, "Mastodon", 600, "posts; few", "mastodon", "MASTODON_TOKEN"),
    SourceSpec(
        "hackernews", _SOCIAL, 300, "Hacker News", 1200, "stories; late but telling", "hackernews", calm_counts=False
    ),
    SourceSpec(
        "google_trends",
        _SEARCH,
        600,
        "Google Trends",
        2400,
        "late; silence says nothing",
        "google_trends",
        calm_counts=False,
    ),
    SourceSpec("probe", _PROBE, 60, "Our own probe", 60, "what this machine sees from here", "probe"),
    SourceSpec(
        "globalping",
        _PROBE,
        600,
        "Globalping",
        300,
        "looks from other countries",
        "globalping",
        "GLOBALPING_TOKEN",
        one_look=False,
    ),
    SourceSpec(
        "cloudflare_radar",
        _PROBE,
        300,
        "Cloudflare Radar",
        600,
        "networks and clouds; verified by people, so late",
        "cloudflare_radar",
        key_env="CLOUDFLARE_RADAR_TOKEN",
        key_required=True,
        calm_counts=False,
    ),
    SourceSpec("gateway", _TRAFFIC, 60, "Your gateway", 60, "your real requests", calm_counts=False),
    SourceSpec(
        "claude_code", _TRAFFIC, 60, "Claude Code here", 60, "your real requests", "claude_code", calm_counts=False
    ),
    SourceSpec("codex", _TRAFFIC, 60, "Codex here", 60, "your real requests", "codex", calm_counts=False),
    SourceSpec(
        "gemini_cli", _TRAFFIC, 60, "Gemini CLI here", 60, "your real requests", "gemini_cli", calm_counts=False
    ),
    SourceSpec(
        "openrouter",
        _TRAFFIC,
        300,
        "OpenRouter",
        300,
        "others' real requests, by provider and model",
        "openrouter",
        key_env="OPENROUTER_API_KEY",
        key_required=True,
    ),
    SourceSpec("pool", _TRAFFIC, 60, "Shared counts", 480, "others' real requests, anyone can feed it", "pool"),
)

_GROUP = "stillup.sources"
_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")

FOREIGN: dict[str, str] = {}
"""What other packages wanted to add and could not, by the name of their entry, with the reason."""


def _added() -> Iterator[SourceSpec]:
    """The lines of other packages. One that is broken is left out and named: it must not take the rest with it."""
    if not _are_there():
        return
    from importlib.metadata import entry_points

    taken = {line.id for line in _LINES}
    for entry in entry_points(group=_GROUP):
        try:
            spec = entry.load()
        except Exception as exc:  # noqa: BLE001 - another package's code may raise anything
            FOREIGN[entry.name] = f"cannot be loaded: {type(exc).__name__}"
            continue
        if not isinstance(spec, SourceSpec) or spec.id != entry.name or not _ID.fullmatch(spec.id):
            FOREIGN[entry.name] = "is no SourceSpec under its own id (lower case, digits and _)"
        elif spec.id in taken:
            FOREIGN[entry.name] = "has an id that is taken"
        elif not _is_place(spec.module):
            FOREIGN[entry.name] = "does not say where its source is, as `package.module:NAME`"
        else:
            taken.add(spec.id)
            yield spec


def _are_there() -> bool:
    """Whether any installed package names the group: a look of a millisecond that spares most an import of thirty."""
    return any(_GROUP.encode() in told for folder in filter(os.path.isdir, sys.path) for told in _entries(folder))


def _entries(folder: str) -> Iterator[bytes]:
    """The entry points of every package in a folder, as they stand there."""
    with suppress(OSError), os.scandir(folder) as listed:
        for package in listed:
            if package.name.endswith((".dist-info", ".egg-info")):
                with suppress(OSError):
                    yield Path(package.path, "entry_points.txt").read_bytes()


def _is_place(module: str) -> bool:
    file, _, name = module.partition(":")
    return "." in file and name.isidentifier()


SOURCES: dict[str, SourceSpec] = {line.id: line for line in (*_LINES, *_added())}


def usable_sources() -> tuple[SourceSpec, ...]:
    """The sources that can be asked, not only replayed, in the order they are shown."""
    return tuple(spec for spec in SOURCES.values() if spec.module)


def load_source(source_id: str) -> Source:
    """The source object of one id.

    :raises KeyError: no such source, or it can only be replayed.
    """
    spec = SOURCES[source_id]
    if not spec.module:
        raise KeyError(source_id)
    file, _, name = spec.module.partition(":")
    module = import_module(file if "." in file else f"stillup.sources.{file}")
    return cast("Source", getattr(module, name or "SOURCE"))
