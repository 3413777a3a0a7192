"""Whom a drill can hit: the gateway's upstreams and routes as configured, without their keys and addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import catalogue
from stillup.catalog.models import Tier, models
from stillup.catalog.providers import providers
from stillup.config.kinds import stays_here
from stillup.config.schema import Route, Upstream
from stillup.drill.scenes import Seat
from stillup.drill.workload import CLIENTS
from stillup.gateway.core.values import Protocol
from stillup.gateway.local import find_local
from stillup.gateway.plan import GatewayPlan
from stillup.gateway.upstreams import Known, configured, from_environment
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.config import Config

KEY = "drill-key"
"""What is in the place of every key; it opens nothing."""
_KEY_ENV = "DRILL_KEY"
_SURE = 0.5
"""From here on a service counts as standing on a cloud: the catalogue's confidence that it fails with it."""
_MOST_ROUTES = 4
_CLOUD_OF = {Protocol.BEDROCK: "aws", Protocol.VERTEX: "gcp"}
_WILD = frozenset("*?[")
_MAKERS = {Protocol.ANTHROPIC: "anthropic", Protocol.GEMINI: "gemini"}
_PAIR = (
    Upstream(id="first", protocol="anthropic", key_env=_KEY_ENV, service="claude"),
    Upstream(id="second", protocol="openai", key_env=_KEY_ENV, service="chatgpt"),
)


class Layout(Struct, frozen=True, kw_only=True):
    """Everything that is mirrored. ``made_up``: no provider is configured, and this is a pair of ours."""

    plan: GatewayPlan
    seats: tuple[Seat, ...]
    made_up: bool

    @property
    def first(self) -> str:
        """Whom the first route asks first."""
        chains = [chain for chain in self.plan.upstream_chains if chain]
        asked = [self.plan.chain(p, m) for p, m in self.models(frozenset(s.id for s in self.seats))]
        first = next((chain[0].upstream for chain in asked if chain), "")
        return first or (chains[0][0] if chains else self.seats[0].id)

    def models(self, hit: frozenset[str]) -> tuple[tuple[Protocol, str], ...]:
        """What clients ask for where one of those upstreams is in the chain: at most four models, in every protocol."""
        found: dict[str, list[tuple[Protocol, str]]] = {}
        for model in self._names():
            served = [(p, model) for p in CLIENTS if (chain := self.plan.chain(p, model)) and _meets(chain, hit)]
            if served:
                found[model] = served
        return tuple(each for model in list(found)[:_MOST_ROUTES] for each in found[model])

    def _names(self) -> Iterator[str]:
        """A model for each route; where there are none, one for each maker that clients have the dialect of."""
        routes = self.plan.routes
        if not routes:
            yield from (_newest(maker) for maker in ("anthropic", "openai", "gemini"))
            yield from (model for known in self.plan.known for model in known.models[:1])
            return
        for number, route in enumerate(routes):
            name = _name_for(route, [r.match for r in routes[:number]], self.plan)
            if name:
                yield name


def layout_of(config: Config, environ: Mapping[str, str]) -> Layout:
    """What would be mirrored of a configuration; keys are neither needed nor read."""
    dummies = {**environ, _KEY_ENV: KEY}
    routes, made_up = config.gateway.routes, False
    if config.gateway.upstreams:
        known = configured([_without_key(u) for u in config.gateway.upstreams], dummies)
    else:
        known = from_environment(environ, find_local(environ))
        if not any(k.spec.key or (k.provider and k.provider.is_local) for k in known):
            known, made_up = configured(_PAIR, dummies), True
            hops = (f"first/{_newest('anthropic')}", f"second/{_newest('openai')}")
            routes = (Route(match="*", chain=hops),)
    masked = tuple(replace(k, spec=replace(k.spec, key=Secret(KEY) if k.spec.key else None)) for k in known)
    plan = GatewayPlan(
        known=masked,
        routes=routes,
        specs={k.spec.id: k.spec for k in masked},
        standin_max_usd=config.gateway.standin_max_usd_per_million,
    )
    return Layout(plan=plan, seats=tuple(map(seat_of, masked)), made_up=made_up)


def _without_key(upstream: Upstream) -> Upstream:
    """The same with a key that opens nothing where it has one: the file it lies in is not touched."""
    has_key = bool(upstream.key_env or upstream.key_file)
    return replace(upstream, key_env=_KEY_ENV if has_key else None, key_file=None)


def seat_of(known: Known) -> Seat:
    """An upstream as a drill knows it."""
    spec, provider = known.spec, known.provider
    service = spec.service or (provider.service if provider else "")
    here = stays_here(spec.base_url) if spec.base_url else False
    local = provider.is_local if provider else here and not service
    return Seat(id=spec.id, service=service or spec.id, clouds=tuple(_clouds(known, service)), is_local=local)


def _clouds(known: Known, service: str) -> Iterator[str]:
    """The services beneath it, of which the catalogue is sure enough; its own cloud first."""
    found: dict[str, None] = {}
    own = _CLOUD_OF.get(known.spec.protocol)
    if own:
        found[own] = None
    if (urlsplit(known.spec.base_url).hostname or "").endswith(".azure.com"):
        found["azure"] = None
    facts = catalogue().get(service)
    for dependency in facts.dependencies if facts else ():
        if dependency.confidence >= _SURE:
            found[dependency.service] = None
    yield from found


def _meets(chain: Sequence[object], hit: frozenset[str]) -> bool:
    return any(getattr(target, "upstream", "") in hit for target in chain)


def _name_for(route: Route, earlier: Sequence[str], plan: GatewayPlan) -> str:
    """A model's name that this route serves and none before it; empty where there is none."""
    first, _, hop_model = route.chain[0].partition("/")
    protocol = plan.upstream(first).protocol
    maker = _MAKERS.get(protocol, "openai")
    filled = "".join("drill" if c == "*" else "x" if c == "?" else c for c in route.match)
    candidates = [hop_model, _newest(maker), *models(), filled]
    if not _WILD & set(route.match):
        candidates = [route.match]
    fit = (c for c in candidates if c and fnmatchcase(c, route.match))
    return next((c for c in fit if not any(fnmatchcase(c, pattern) for pattern in earlier)), "")


def _newest(maker: str) -> str:
    """A maker's newest model of the second tier, which is what most people ask for."""
    of_maker = [m for m in models().values() if m.maker == maker and not m.legacy]
    strong = [m for m in of_maker if m.tier is Tier.STRONG]
    return (strong or of_maker)[0].id if of_maker else next(iter(providers()))
