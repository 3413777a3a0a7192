"""Which upstreams there are: those the configuration names, else those whose keys are in the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from stillup.catalog.models import find_model
from stillup.catalog.providers import Provider, local_provider_at, provider_at, providers, vertex_base
from stillup.config.keys import key_at
from stillup.config.kinds import stays_here
from stillup.config.schema import Upstream
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import DEFAULT_BASES, UpstreamSpec
from stillup.gateway.dialects.dialect import is_same_dialect

_OTHER_PROTOCOLS = (Protocol.OPENAI, Protocol.ANTHROPIC)
"""In this order a server that speaks several is taken for what it mainly is."""


_CLOUDS = {Protocol.BEDROCK: "AWS", Protocol.VERTEX: "Google Cloud"}
"""Their usual credentials on this machine open them too."""


class Local(Struct, frozen=True, kw_only=True):
    """A model server that was found on this machine, and the models it has."""

    provider: str
    origin: str
    """Scheme, host and port."""
    models: tuple[str, ...] = ()


class Known(Struct, frozen=True, kw_only=True):
    """An upstream, and what is known of it beside what is needed to ask it.

    ``key_from`` names the variable or file its key came from, never the key. ``models`` are what a local server has.
    """

    spec: UpstreamSpec
    provider: Provider | None = None
    key_from: str = ""
    models: tuple[str, ...] = ()
    missing: str = ""
    """What the user would have to do to make it fully usable, as a sentence."""

    @property
    def is_bare(self) -> bool:
        """Whether only clients' own keys can open it, which belong to its maker's models (law 10)."""
        keyless = self.spec.protocol in (Protocol.BEDROCK, Protocol.VERTEX)  # their credentials are no plain keys
        open_here = self.provider is None or self.provider.is_local
        return self.spec.key is None and not (keyless or open_here or self.spec.pass_credentials)

    def speaks(self, protocol: Protocol, model: str = "") -> Protocol:
        """In which protocol it is asked for ``model`` what a client asks in ``protocol``; its own first."""
        mine = self.spec.protocol
        if mine is Protocol.BEDROCK and model and not is_claude(model):
            return Protocol.CONVERSE
        if mine is not Protocol.OPENAI or protocol is mine:
            return mine
        if protocol is Protocol.RESPONSES:
            # The two share servers; of an address nobody knows it is worth a try, a 404 moves on.
            lacks = self.provider is not None and Protocol.RESPONSES not in self.provider.bases
            return mine if lacks else protocol
        return Protocol.RESPONSES if self.provider is not None and self.provider.responses else mine

    def is_foreign(self, protocol: Protocol, model: str = "") -> bool:
        """Whether what a client asks in ``protocol`` has to be translated for it."""
        return not is_same_dialect(protocol, self.speaks(protocol, model))


def is_claude(model: str) -> bool:
    """Whether a name, as any cloud writes it, is that of a model of Anthropic's."""
    found = find_model(model)
    return found.maker == "anthropic" if found else "claude" in model.lower() or "anthropic" in model.lower()


def configured(upstreams: Sequence[Upstream], environ: Mapping[str, str]) -> tuple[Known, ...]:
    """The upstreams of the configuration, in its order.

    :raises stillup.errors.ConfigError: a key cannot be read, or not be sent.
    """
    return tuple(_configured(upstream, environ) for upstream in upstreams)


def _configured(upstream: Upstream, environ: Mapping[str, str]) -> Known:
    protocol = Protocol(upstream.protocol)
    key = key_at(upstream.key_env, upstream.key_file, environ)
    region = upstream.region or _region(protocol, environ)
    base_url = upstream.base_url or _default_base(protocol, region)
    provider = provider_at(base_url) or (local_provider_at(base_url) if stays_here(base_url) else None)
    spec = UpstreamSpec(
        id=upstream.id,
        protocol=protocol,
        base_url=base_url,
        key=key,
        pass_credentials=upstream.pass_credentials,
        service=upstream.service or "",
        component=upstream.component or "",
        region=region,
        project=upstream.project or _project(protocol, environ),
    )
    from_variable = bool(upstream.key_env and environ.get(upstream.key_env, "").strip())
    source = (upstream.key_env if from_variable else upstream.key_file) or ""
    return Known(spec=spec, provider=provider, key_from=source if key else "", missing=_missing(upstream, spec))


def _missing(upstream: Upstream, spec: UpstreamSpec) -> str:
    if upstream.key_env and spec.key is None:
        cloud = _CLOUDS.get(spec.protocol)
        meanwhile = f"{cloud}'s own credentials are used" if cloud else "only clients' own keys can reach it"
        return f"{spec.id}: set {upstream.key_env} to its key; until then {meanwhile}"
    if spec.protocol is Protocol.VERTEX and not spec.project:
        return f"{spec.id}: set `project`, or ANTHROPIC_VERTEX_PROJECT_ID, to the Google Cloud project that pays"
    return ""


def from_environment(environ: Mapping[str, str], local: Sequence[Local] = ()) -> tuple[Known, ...]:
    """The upstreams that need no configuration: whose keys are there, who take clients' own, who run here.

    :raises stillup.errors.ConfigError: a key cannot be sent.
    """
    here = {server.provider: server for server in local}
    return tuple(known for p in providers().values() for known in _of(p, environ, here.get(p.id)))


def _of(provider: Provider, environ: Mapping[str, str], server: Local | None) -> Iterator[Known]:
    source = _first(provider.key_env, environ)
    if provider.is_local:
        wanted = server is not None  # a variable alone does not say that it runs, nor what models it has
    elif provider.named_by_user:
        wanted = bool(source and _first(provider.base_env, environ))  # a key does not say whose resource it opens
    else:
        wanted = bool(source or provider.bare or _first(provider.on_env, environ))
    if not wanted:
        return
    key = key_at(source, None, environ)
    for number, protocol in enumerate(_protocols(provider)):
        region = _region(protocol, environ)
        yield Known(
            spec=UpstreamSpec(
                id=provider.id if number == 0 else f"{provider.id}-{protocol.value}",
                protocol=protocol,
                base_url=_base(provider, protocol, environ, server),
                key=key,
                service=provider.service,
                component=provider.component,
                region=region,
                project=_project(protocol, environ),
            ),
            provider=provider,
            key_from=source,
            models=server.models if server else (),
        )


def _protocols(provider: Provider) -> Iterator[Protocol]:
    """One upstream for each protocol it speaks; Responses goes where Chat Completions goes."""
    spoken = [Protocol(name) for name in provider.bases]
    first = [p for p in _OTHER_PROTOCOLS if p in spoken]
    yield from first
    yield from (p for p in spoken if p not in first and not (p is Protocol.RESPONSES and Protocol.OPENAI in spoken))


def _base(provider: Provider, protocol: Protocol, environ: Mapping[str, str], server: Local | None) -> str:
    origin = server.origin if server else local_origin(provider, environ)
    if not origin:
        return provider.base_url(protocol, _region(protocol, environ))
    path = provider.base_path or ("" if protocol is Protocol.ANTHROPIC else "/v1")
    return origin + path


def local_origin(provider: Provider, environ: Mapping[str, str]) -> str:
    """Scheme, host and port that the user's variable names for a provider; empty without one."""
    named = _first(provider.base_env, environ)
    text = environ[named].strip().rstrip("/") if named else ""
    if text and "://" not in text:  # Ollama's variable is a listen address
        return f"http://{_reachable(text, provider.port)}"
    return text.removesuffix("/v1").removesuffix("/openai")


def _reachable(listen: str, port: int) -> str:
    """``0.0.0.0:11434`` and ``:11434`` are where a server listens; it is asked at 127.0.0.1."""
    host, colon, given = listen.rpartition(":")
    if not colon:
        host, given = listen, str(port)
    return f"{'127.0.0.1' if host in ('', '0.0.0.0', '[::]') else host}:{given}"  # noqa: S104 - replaced, not bound


def _default_base(protocol: Protocol, region: str) -> str:
    if protocol is Protocol.BEDROCK:
        return providers()["bedrock"].base_url(protocol, region)
    return vertex_base(region) if protocol is Protocol.VERTEX else DEFAULT_BASES[protocol]


def _region(protocol: Protocol, environ: Mapping[str, str]) -> str:
    if protocol not in (Protocol.BEDROCK, Protocol.VERTEX):
        return ""
    cloud = providers()[protocol.value]
    named = _first(cloud.region_env, environ)
    return environ[named].strip() if named else cloud.region


def _project(protocol: Protocol, environ: Mapping[str, str]) -> str:
    if protocol is not Protocol.VERTEX:
        return ""
    named = _first(providers()["vertex"].project_env, environ)
    return environ[named].strip() if named else ""


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((name for name in names if environ.get(name, "").strip()), "")
