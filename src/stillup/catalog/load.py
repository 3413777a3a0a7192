"""Load the catalogue: ``services/*.toml`` (one file a service), ``capabilities.toml`` and ``classes.toml``.

A new service is a new file here and nothing else, or one in the user's own folder, which may also stand for a shipped
one: whoever finds an address out of date need not wait for a release.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from stillup.errors import BadDataError, CatalogError, UsageError
from stillup.model.service import Capability, Layer, OutageClass

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_MEND = "; mend the file or take it away"
_MAX_BYTES = 1 << 20
_WHITE = re.compile(r"[\n\t]")
_Share = Annotated[float, Meta(ge=0, le=1)]


class Component(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a service. ``page_ids`` are its stable ids on the status page; names there change."""

    id: str
    name: str
    page_ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Lower-case words and phrases that mean this component in titles and posts."""


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One address the ladder probe climbs: DNS, TCP and TLS come first, then the HTTP answer at ``layer``.

    ``up`` are the HTTP statuses that prove this rung works (a 401 proves that authentication answers).
    """

    id: str
    component: str
    layer: Layer
    url: str
    method: str = "GET"
    up: tuple[int, ...] = ()
    key_env: str = ""
    """A rung with ``key_env`` is climbed only when that key is present; it spends money and has a cost cap."""
    body: str = ""
    protocol: str = ""
    model: str = ""
    """What a keyed rung asks: the id on the wire."""
    cost_usd: float = 0.0


class SourceHint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how to ask one source about this service; only the fields that source reads are set."""

    url: str = ""
    link: str = ""
    slug: str = ""
    communities: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Hashtags without the sign."""
    models: tuple[str, ...] = ()
    """Models as that source calls them."""
    page: str = ""
    """The page's own id, where the platform asks for it."""
    component: str = ""
    """Restrict to one component of a shared page (Copilot on GitHub's page)."""
    api: bool = True
    usual_per_day: float | None = None
    """Reports a day in quiet times, where nothing better is known yet; wide error is assumed."""
    note: str = ""


class Dependency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another service this one stands on.

    ``confidence`` is how sure we are that most of this service fails when that one does; ``why`` is the fact, and
    ``source`` says where it can be checked.
    """

    service: str
    confidence: _Share
    why: str
    source: str = ""


class CreditStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a table of credits: ``below`` this availability, this share of the bill."""

    below: _Share
    credit: _Share


class Promise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the vendor promises in public of a component's availability.

    ``uptime`` is a share of the ``period``; absent: the vendor says that it promises none. ``plan`` is who gets it.
    ``credit`` is what it gives back in words, ``steps`` the same as a table where the terms have one.
    """

    component: str = ""
    uptime: _Share | None = None
    period: Literal["month", "quarter", "year"] = "month"
    plan: str
    credit: str = ""
    steps: tuple[CreditStep, ...] = ()
    measure: Literal["minutes", "intervals", "requests"] = "minutes"
    """By the terms: minutes down of all; the average over intervals of five minutes; requests that failed of all."""
    down_above: _Share = 0.0
    """By ``minutes``: the share of failed requests above which a minute is down."""
    claim: str = ""
    """What must be filed, and where; empty where that was not found."""
    claim_days: int | None = None
    """Days after the end of the period until which it must be filed; or ``claim_months`` whole months."""
    claim_months: int | None = None
    claim_note: str = ""
    """How sure the deadline is, where it does not stand in ``source`` itself."""
    source: str
    as_of: str


class Precedence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan whose requests the vendor says it serves first when there are too many. No promise of availability."""

    component: str = ""
    plan: str
    says: str
    source: str
    as_of: str


class Ability(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a service can stand in for."""

    capability: Capability
    advantage: str
    access: str
    free: bool
    link: str


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service of the catalogue."""

    id: str
    name: str
    vendor: str
    home: str
    aliases: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    models: tuple[str, ...] = ()
    """Lower-case model names as people write them, longest first where one contains another."""
    sources: dict[str, SourceHint] = {}
    endpoints: tuple[Endpoint, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    abilities: tuple[Ability, ...] = ()
    promises: tuple[Promise, ...] = ()
    precedence: tuple[Precedence, ...] = ()

    def component(self, component_id: str) -> Component | None:
        """The component of that id."""
        return next((c for c in self.components if c.id == component_id), None)

    def component_of_page(self, page_id: str) -> Component | None:
        """The component a status page calls by that id."""
        return next((c for c in self.components if page_id in c.page_ids), None)


class ClassFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is usual for one class of outage."""

    class_: OutageClass = msgspec.field(name="class")
    title: str
    usual_min_s: int
    usual_max_s: int
    impact: str
    recovery: str
    todo: tuple[str, ...] = ()


class _Classes(Struct, frozen=True, forbid_unknown_fields=True):
    classes: tuple[ClassFacts, ...]


class CapabilityFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a capability is called, and which services to offer for it, best first."""

    id: Capability
    title: str
    order: tuple[str, ...]


class _Capabilities(Struct, frozen=True, forbid_unknown_fields=True):
    capabilities: tuple[CapabilityFacts, ...]


_T = TypeVar("_T")


def _decode(name: str, text: str, kind: type[_T]) -> _T:
    try:
        return msgspec.toml.decode(text, type=kind, strict=True)
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        msg = f"catalogue file {name}: {exc}"
        raise CatalogError(msg) from exc


@cache
def catalogue() -> dict[str, Service]:
    """Every service by id, in the order of their ids.

    :raises CatalogError: a shipped file breaks the format.
    :raises BadDataError: a file of the user's own does; it says which, where, and what is allowed.
    """
    folder = files("stillup.catalog") / "services"
    found = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    services = {s.id: s for f in found if (s := _decode(f.name, f.read_text("utf-8"), Service))}
    services |= {s.id: s for s in _own_services()}
    return {service_id: services[service_id] for service_id in sorted(services)}


def own_folder() -> Path:
    """Where the user's own services lie: ``$STILLUP_CATALOG``, else ``services`` in the configuration's folder."""
    from platformdirs import user_config_path

    return Path(os.environ.get("STILLUP_CATALOG") or user_config_path("stillup") / "services").expanduser()


def _own_services() -> Iterator[Service]:
    folder = own_folder()
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        yield read_service(path)


def read_service(path: Path) -> Service:
    """One service from a file of the user's own.

    :raises BadDataError: it cannot be read, breaks the format, or does not bear the id of its file.
    """
    try:
        found = path.stat()
        # A pipe would hold up every command, and a device would never end.
        if not S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            msg = f"{path}: is no file of at most {_MAX_BYTES // 1024} KiB{_MEND}"
            raise BadDataError(msg)
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"{path}: cannot be read{_MEND}"
        raise BadDataError(msg) from exc
    return service_of(text, path)


def service_of(text: str, path: Path) -> Service:
    """One service from what stands, or is about to stand, in a file of the user's own. Pure.

    :raises BadDataError: it breaks the format, or does not bear the id of its file.
    """
    try:
        service = _decode(str(path), text, Service)
    except CatalogError as exc:
        msg = f"{exc}{_MEND}"
        raise BadDataError(msg) from exc
    if service.id != path.stem or not _ID.fullmatch(service.id):
        msg = f"{path}: id: is {service.id[:40]!r}; allowed: the file's own name, lower case, digits and -{_MEND}"
        raise BadDataError(msg)
    odd = next((t for t in _texts(msgspec.to_builtins(service)) if not _WHITE.sub("", t).isprintable()), None)
    if odd is not None:
        msg = f"{path}: has a character in {odd[:60]!a} that cannot be shown{_MEND}"
        raise BadDataError(msg)
    return service


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (*_texts(key), *_texts(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


@cache
def outage_classes() -> dict[OutageClass, ClassFacts]:
    """Facts of every outage class."""
    text = (files("stillup.catalog") / "classes.toml").read_text("utf-8")
    return {c.class_: c for c in _decode("classes.toml", text, _Classes).classes}


@cache
def capabilities() -> dict[Capability, CapabilityFacts]:
    """Facts of every capability."""
    text = (files("stillup.catalog") / "capabilities.toml").read_text("utf-8")
    return {c.id: c for c in _decode("capabilities.toml", text, _Capabilities).capabilities}


def find_service(word: str) -> Service:
    """The service a person means by ``word``: its id or an alias, in any case.

    :raises UsageError: no such service; the message has the nearest names.
    """
    names = {alias.lower(): s for s in catalogue().values() for alias in (s.id, s.name, *s.aliases)}
    found = names.get(word.strip().lower())
    if found is not None:
        return found
    near = get_close_matches(word.lower(), names, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(catalogue())}."
    msg = f"no service called {word[:40]!r}; {hint}"
    raise UsageError(msg)
