"""The configuration resolved: which upstreams there are, and for each protocol and model the chain of targets.

Routes of the configuration decide; where there are none, :mod:`stillup.gateway.standin` does, from the keys that are
present. Nothing here does I/O but read the files that keys lie in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field

from stillup.catalog.models import find_model
from stillup.catalog.providers import Provider, providers
from stillup.config import Config
from stillup.config.keys import key_at
from stillup.config.schema import Route, User
from stillup.errors import ConfigError
from stillup.gateway.core.values import Protocol, Target
from stillup.gateway.dialects.base import UpstreamSpec
from stillup.gateway.standin import Link, Place, Reason, links, within
from stillup.gateway.upstreams import Known, Local, configured, from_environment
from stillup.secret import Secret

_REMEMBERED = 1_024
_AWS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
_LEAST_TOKEN = 16
"""Characters. A token guards somebody's bill; what a dictionary holds is no token."""


class UserSpec(Struct, frozen=True, kw_only=True):
    """Someone who may use the gateway; ``token`` is compared in constant time."""

    id: str
    token: Secret
    requests_per_minute: int | None = None
    usd_per_day: float | None = None


class GatewayPlan(Struct, frozen=True, kw_only=True, eq=False):
    """Everything the gateway needs to know of whom to ask; it does not change while the gateway runs.

    ``routes`` is empty where the chains are made from what is known of models. ``missing`` has one sentence for
    each thing the user could add; none of them holds a key.
    """

    known: tuple[Known, ...]
    routes: tuple[Route, ...] = ()
    users: tuple[UserSpec, ...] = ()
    missing: tuple[str, ...] = ()
    standin_usd_per_day: float | None = None
    standin_max_usd: float | None = None
    """For a million tokens of output; a route may say another."""
    chains: dict[tuple[Protocol, str], tuple[Target, ...]] = field(default_factory=dict)
    """Chains that were asked for before; clients may make names up, so it is bounded."""
    specs: dict[str, UpstreamSpec] = field(default_factory=dict)

    @property
    def upstreams(self) -> tuple[UpstreamSpec, ...]:
        """The upstreams in order of preference."""
        return tuple(known.spec for known in self.known)

    @property
    def upstream_chains(self) -> tuple[tuple[str, ...], ...]:
        """The upstreams of each route, by id; without routes any of them may stand in for any other."""
        if not self.routes:
            return (tuple(u.id for u in self.upstreams),)
        return tuple(tuple(hop.partition("/")[0] for hop in route.chain) for route in self.routes)

    def upstream(self, name: str) -> UpstreamSpec:
        """The upstream of that id.

        :raises KeyError: there is none.
        """
        return self.specs[name]

    def chain(self, protocol: Protocol, model: str) -> tuple[Target, ...]:
        """Whom to ask, first choice first; empty where nobody can be asked. Cheap for names asked before."""
        found = self.chains.get((protocol, model))
        if found is None:
            targets = (link.target for link in self.links(protocol, model) if link.target is not None)
            found = tuple(dict.fromkeys(targets))
            if len(self.chains) < _REMEMBERED:
                self.chains[protocol, model] = found
        return found

    def links(self, protocol: Protocol, model: str) -> tuple[Link, ...]:
        """Every upstream's place for a model with its reason, those that are not asked too."""
        if not self.routes:
            return within(links(protocol, model, self.known), self.standin_max_usd)
        if not model:
            return links(protocol, model, tuple(self._in_routes()))
        route = next((r for r in self.routes if fnmatchcase(model, r.match)), None)
        if route is None:
            return ()
        limit = self.standin_max_usd if route.max_usd_per_million is None else route.max_usd_per_million
        return within(tuple(self._hop(protocol, model, hop) for hop in route.chain), limit)

    def nobody(self, protocol: Protocol, model: str) -> str:
        """Why nobody can be asked for that, as a sentence for the client."""
        # Whoever could be asked in general is not translated for: lists of models, embeddings.
        found = [
            (x.upstream, x.says if x.target is None else "it does not serve that") for x in self.links(protocol, model)
        ]
        because = "; ".join(f"{upstream}: {says}" for upstream, says in found)
        asked = f"the model {model[:100]!r}" if model else "this"
        if not self.known:
            return f"No upstream is known to ask for {asked}. `stillup gateway plan` says what to set."
        return f"No upstream can be asked for {asked}" + (f" ({because})." if because else ": no route matches it.")

    @property
    def provider_ids(self) -> dict[str, str]:
        """The provider of each upstream of which it is known."""
        return {k.spec.id: k.provider.id for k in self.known if k.provider}

    def speaks_both(self, upstream: str) -> bool:
        """Whether it is known to speak both of OpenAI's dialects, and to do more in Responses."""
        provider = self._known_as(upstream).provider
        return provider is not None and provider.responses

    def is_free(self, upstream: str) -> bool:
        """Whether it runs on this machine."""
        provider = self._known_as(upstream).provider
        return provider is not None and provider.is_local

    def _known_as(self, upstream: str) -> Known:
        return next(k for k in self.known if k.spec.id == upstream)

    def context_of(self, model: str) -> int | None:
        """How many tokens a model takes; None where that is not known."""
        found = find_model(model)
        return found.context if found else None

    def _in_routes(self) -> Iterator[Known]:
        order = dict.fromkeys(hop.partition("/")[0] for route in self.routes for hop in route.chain)
        by_id = {known.spec.id: known for known in self.known}
        yield from (by_id[name] for name in order)

    def _hop(self, protocol: Protocol, asked: str, hop: str) -> Link:
        name, _, model = hop.partition("/")
        known = next(k for k in self.known if k.spec.id == name)
        model = model or _name_there(known, protocol, asked)
        return Place(known, protocol, asked).link(_reason(known, protocol, model or asked), model)


def _reason(known: Known, protocol: Protocol, model: str) -> Reason:
    """A client's own key opens nothing that speaks another dialect (law 10)."""
    return Reason.NO_KEY if known.is_bare and known.is_foreign(protocol, model) else Reason.ROUTE


def _name_there(known: Known, protocol: Protocol, asked: str) -> str:
    """Empty, which keeps the client's name, but where that name cannot mean anything.

    The clouds have names of their own; and what speaks another dialect has other models, if it is known which.
    """
    cloud = known.spec.protocol in (Protocol.BEDROCK, Protocol.VERTEX)
    found = find_model(asked)
    if cloud and found is not None:
        there = found.id_at(known.spec.protocol.value, known.spec.region)
        if there:
            return "" if there == asked else there
    provider = known.provider
    if found is None or provider is None or provider.is_local or provider.named_by_user:
        return ""
    return Place(known, protocol, asked).instead() if known.is_foreign(protocol, asked) else ""


def resolve(config: Config, environ: Mapping[str, str], local: Sequence[Local] = ()) -> GatewayPlan:
    """The plan of a configuration. ``local`` are model servers found on this machine; they count without upstreams.

    :raises stillup.errors.ConfigError: a key's file cannot be read, or a user's token is not there.
    """
    gateway = config.gateway
    if gateway.upstreams:
        known = configured(gateway.upstreams, environ)
        missing = tuple(k.missing for k in known if k.missing)
    else:
        known = from_environment(environ, local)
        missing = tuple(_could_be_added(known, environ))
    return GatewayPlan(
        known=known,
        routes=gateway.routes,
        users=tuple(_user(user, environ) for user in gateway.users),
        missing=missing,
        specs={k.spec.id: k.spec for k in known},
        standin_usd_per_day=gateway.standin_usd_per_day,
        standin_max_usd=gateway.standin_max_usd_per_million,
    )


def _could_be_added(known: Sequence[Known], environ: Mapping[str, str]) -> Iterator[str]:
    usable = {k.provider.id for k in known if k.provider and (k.spec.key or not k.provider.bare)}
    for provider in providers().values():
        if provider.id not in usable:
            yield _how(provider, environ)


def _how(provider: Provider, environ: Mapping[str, str]) -> str:
    if provider.is_local:
        return f"{provider.name}: {provider.get_key}"
    if provider.id == "bedrock" and any(environ.get(name) for name in _AWS):
        # Keys for S3 do not say that prompts may be sent, and billed, to that account.
        return f"{provider.name}: AWS credentials are there; set CLAUDE_CODE_USE_BEDROCK=1 to use them for models"
    what = next(iter((*provider.key_env, *provider.on_env)))
    also = "; your clients' own keys are passed on meanwhile" if provider.bare else ""
    return f"{provider.name}: set {what} ({provider.get_key}){also}"


def _user(user: User, environ: Mapping[str, str]) -> UserSpec:
    token = key_at(user.token_env, user.token_file, environ)
    where = user.token_env or user.token_file
    if token is None:
        msg = f"gateway user {user.id}: there is no token in {where}"
        raise ConfigError(msg)
    if len(token.reveal()) < _LEAST_TOKEN:
        msg = f"gateway user {user.id}: the token in {where} is shorter than {_LEAST_TOKEN} characters"
        raise ConfigError(msg)
    return UserSpec(id=user.id, token=token, requests_per_minute=user.requests_per_minute, usd_per_day=user.usd_per_day)
