"""Who serves models: ``providers.toml`` read, and found by id or by address."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from stillup.errors import CatalogError

Kind = Literal["maker", "host", "cloud", "router", "local"]


class Provider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider; the head of ``providers.toml`` says what each field is."""

    id: str
    name: str
    kind: Kind
    bases: dict[str, str]
    """Base URL by protocol; empty where it has to be said by the user."""
    key_env: tuple[str, ...] = ()
    on_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    base_path: str = ""
    region_env: tuple[str, ...] = ()
    region: str = ""
    project_env: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    port: int = 0
    """A local server's own port, where it has one that nothing else usually takes."""
    bare: bool = False
    named_by_user: bool = False
    """Its models have the names their user gave them."""
    goes_on: str = ""
    """How every model there goes on with a beginning of its answer in Chat Completions; empty: as the model does."""
    responses: bool = False
    """What is asked of it in another dialect is asked in Responses, which it does more in."""
    service: str = ""
    component: str = ""
    get_key: str = ""
    source: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        return self.kind == "local"

    def base_url(self, protocol: str, region: str = "") -> str:
        """The base URL for a protocol; empty where it does not speak it, or only the user knows it."""
        base = self.bases.get(protocol, "")
        if protocol == "vertex":
            return vertex_base(region or self.region)
        return base.replace("{region}", region or self.region)


class _Providers(Struct, frozen=True, forbid_unknown_fields=True):
    providers: tuple[Provider, ...]


def vertex_base(region: str) -> str:
    """Vertex's base URL of a region; ``global`` and the two multi-regions have hosts of their own forms."""
    if region == "global":
        return "https://aiplatform.googleapis.com/v1"
    if region in ("us", "eu"):
        return f"https://aiplatform.{region}.rep.googleapis.com/v1"
    return f"https://{region}-aiplatform.googleapis.com/v1"


@cache
def providers() -> dict[str, Provider]:
    """Every provider by id, in order of preference.

    :raises CatalogError: the shipped file breaks the format.
    """
    text = (files("stillup.catalog") / "providers.toml").read_text("utf-8")
    try:
        found = msgspec.toml.decode(text, type=_Providers, strict=True).providers
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        msg = f"catalogue file providers.toml: {exc}"
        raise CatalogError(msg) from exc
    return {p.id: p for p in found}


@cache
def _by_host() -> dict[str, Provider]:
    named = [(host, p) for p in providers().values() for host in p.hosts]
    based = [(urlsplit(b).hostname or "", p) for p in providers().values() if not p.is_local for b in p.bases.values()]
    return {host: p for host, p in (*named, *based) if host and "{" not in host}


def provider_at(base_url: str) -> Provider | None:
    """The provider that a base URL belongs to, by its host; None for any other address, those of this machine too."""
    host = (urlsplit(base_url).hostname or "").lower()
    known = _by_host()
    while host:
        found = known.get(host)
        if found is not None:
            return found
        # Vertex writes the region before the name, all others before a dot.
        host = host.partition("-")[2] if host.endswith("-aiplatform.googleapis.com") else host.partition(".")[2]
    return None


def local_provider_at(base_url: str) -> Provider | None:
    """The local server that usually listens at that port, where nothing else usually does."""
    port = urlsplit(base_url).port
    return next((p for p in providers().values() if p.port and p.port == port), None)


def maker_of(model: str) -> Provider | None:
    """Whose model a name looks like."""
    name = model.lower()
    return next((p for p in providers().values() if p.prefixes and name.startswith(p.prefixes)), None)
