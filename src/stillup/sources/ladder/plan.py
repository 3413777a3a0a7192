"""Which rungs to climb and which control hosts to ask, from the catalogue and the settings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import Endpoint, Service
from stillup.errors import NotConfigured
from stillup.model.service import Layer
from stillup.secret import Secret
from stillup.sources.base import Context
from stillup.sources.ladder.dialects import DIALECTS, Headers
from stillup.sources.ladder.options import Options
from stillup.sources.ladder.pace import Pace, page_pace, stream_pace
from stillup.sources.ladder.target import Proxy, Target, parse_target, proxy_for


class Here(Struct, frozen=True):
    """What this machine's environment says, and no more of it than the ladder needs.

    ``keys`` are by the name of their variable. ``proxies`` are as :func:`urllib.request.getproxies_environment` gives
    them, hidden: an address may hold a password.
    """

    keys: Mapping[str, Secret] = {}
    proxies: Mapping[str, Secret] = {}


class Due(StrEnum):
    """What must come back for a good status to be believed."""

    ANYTHING = "anything"
    DATA = "data"
    """Anything but a page for people; what calls itself JSON must be JSON."""
    STREAM = "stream"


class Ask(Struct, frozen=True, kw_only=True):
    """One thing to do on the wire: resolve a name only, or go all the way up and send a request."""

    target: Target
    method: str = "GET"
    headers: Headers = ()
    body: bytes = b""
    proxy: Proxy | None = None
    dialect: str = ""
    is_dns_only: bool = False


class Step(Struct, frozen=True, kw_only=True):
    """One rung of the service's ladder.

    ``has_edge``: another rung speaks for this host's edge. ``has_key``: it asks a model, with our key or on our own
    machine, so that some errors are ours.
    """

    id: str
    component: str
    layer: Layer
    ask: Ask
    pace: Pace
    due: Due
    up: tuple[int, ...] = ()
    has_key: bool = False
    has_edge: bool = False
    model: str | None = None
    cost_usd: float = 0.0

    @property
    def title(self) -> str:
        """What a person calls it."""
        return _TITLES.get(self.id, self.id.replace("_", " "))


class Skipped(Struct, frozen=True):
    """A rung that is not climbed, and why."""

    title: str
    why: str


class Steps(Struct, frozen=True):
    """The service's rungs, and those left out."""

    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]


_TITLES = {"sign_in": "sign-in", "api_auth": "API"}
_API_LAYERS = (Layer.API_GATEWAY, Layer.INFERENCE, Layer.DATABASE)


def here_for(service: Service, env: Mapping[str, str], proxies: Mapping[str, str]) -> Here:
    """What of the environment matters to the ladder of one service."""
    found = {e.key_env: env.get(e.key_env, "").strip() for e in service.endpoints if e.key_env}
    return Here(
        {name: Secret(value) for name, value in found.items() if value},
        {scheme: Secret(address) for scheme, address in proxies.items()},
    )


def plan_steps(ctx: Context, options: Options, here: Here) -> Steps:
    """The rungs in the catalogue's order, with the user's addresses in place of its own.

    :raises NotConfigured: an address, a proxy or a key that cannot be used.
    """
    found = [_step(endpoint, ctx, options, here) for endpoint in ctx.service.endpoints]
    steps = [s for s in found if isinstance(s, Step)]
    edges = {(s.component, s.ask.target.origin) for s in steps if s.layer is Layer.EDGE}
    return Steps(
        tuple(replace(s, has_edge=(s.component, s.ask.target.origin) in edges) for s in steps),
        tuple(s for s in found if isinstance(s, Skipped)),
    )


def _step(endpoint: Endpoint, ctx: Context, options: Options, here: Here) -> Step | Skipped:
    target = _target(endpoint, ctx, options)
    once = ctx.since is None
    step = Step(
        id=endpoint.id,
        component=endpoint.component,
        layer=endpoint.layer,
        ask=Ask(
            target=target, method=endpoint.method, proxy=proxy_for(target, here.proxies), body=endpoint.body.encode()
        ),
        pace=page_pace(options.deadline_s, once=once),
        due=Due.DATA if endpoint.layer in _API_LAYERS else Due.ANYTHING,
        up=endpoint.up,
    )
    dialect = DIALECTS.get(endpoint.protocol)
    if not endpoint.key_env and (dialect is None or dialect.needs_key):
        return step
    key = ctx.setting.key or _key_from(here.keys, endpoint.key_env)
    model = options.model or endpoint.model
    why = _why_not(endpoint, target, key, model)
    if why or dialect is None:
        return Skipped(step.title, why)
    return replace(
        step,
        ask=replace(
            step.ask,
            target=replace(target, path=dialect.path(target.path, model)),
            headers=dialect.headers(key) if key else (),
            body=step.ask.body or dialect.body(model),
            dialect=endpoint.protocol,
        ),
        pace=stream_pace(options.deadline_s, once=once),
        due=Due.STREAM,
        has_key=True,
        model=_family_of(model, ctx.service.models) or None,
        cost_usd=endpoint.cost_usd,
    )


def _why_not(endpoint: Endpoint, target: Target, key: Secret | None, model: str) -> str:
    dialect = DIALECTS.get(endpoint.protocol)
    if key is None and (dialect is None or dialect.needs_key):
        return "no key"
    if dialect is None:
        return "its protocol is not known"
    if dialect.needs_model and not model and not endpoint.body:
        return "no model is set"
    if key is None or not dialect.needs_key:
        return ""
    is_bare = not target.is_tls and not target.is_loopback
    return dialect.refuses(key, endpoint.url) or ("a key is sent over TLS only" if is_bare else "")


def _target(endpoint: Endpoint, ctx: Context, options: Options) -> Target:
    what = f"the rung {endpoint.id}"
    if endpoint.id in options.endpoints:
        return parse_target(options.endpoints[endpoint.id], what)
    target = parse_target(endpoint.url, what)
    if not ctx.setting.base_url:
        return target
    base = parse_target(ctx.setting.base_url, "base_url")
    return replace(base, path=base.path.rstrip("/") + target.path)


def _key_from(keys: Mapping[str, Secret], name: str) -> Secret | None:
    key = keys.get(name)
    if key is not None and not (key.reveal().isascii() and key.reveal().isprintable()):
        msg = f"probe: the key in {name} has characters that no header can carry"
        raise NotConfigured(msg)
    return key


def _family_of(model: str, families: tuple[str, ...]) -> str:
    """The name other signals use for it: ``haiku`` for any model with it in its id."""
    return next((name for name in families if name in model.lower()), model)[:80]
