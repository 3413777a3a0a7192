"""``stillup gateway plan``: upstreams, chains, reasons and what is missing; never a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from stillup.catalog.models import Model, Tier, find_model, models
from stillup.catalog.providers import maker_of
from stillup.cli.common import console, indented
from stillup.cli.say import put
from stillup.gateway.core.values import Protocol
from stillup.gateway.local import find_local
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.standin import Link
from stillup.gateway.upstreams import Known
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stillup.config import Config

_SPOKEN = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI)
_HOMES = {Protocol.ANTHROPIC: "anthropic", Protocol.OPENAI: "openai", Protocol.GEMINI: "gemini"}
_LEAST_WORDS = 20
_BESIDE = 8
"""What stands in a line beside a name and its reason."""
_UNUSED = "   –"
_Chain = tuple[Protocol, str, tuple[Link, ...]]


def show_plan(config: Config, environ: Mapping[str, str], model: str, *, as_json: bool, color: bool | None) -> int:
    """Print the plan of a configuration; with a model its chains only."""
    local = () if config.gateway.upstreams else find_local(environ)
    plan = resolve(config, environ, local)
    chains = list(_chains(plan, model))
    if as_json:
        put(msgspec.json.encode(_facts(plan, chains)))
        return 0
    out = console(color=color)
    if not model:
        out.print("Upstreams", style="bold")
        out.print(_upstreams(plan))
    for alike in _alike(chains):
        _tell(out, alike)
    if model and not chains:
        out.print(plan.nobody(Protocol.ANTHROPIC, clean(model, 100)))
    for sentence in _limits(plan):
        out.print(f"\n{sentence}")
    if not model and plan.missing:
        out.print("\nCould be added", style="bold")
        for sentence in plan.missing:
            out.print(indented(clean(sentence, 300)))
    return 0


def _limits(plan: GatewayPlan) -> Iterator[str]:
    if plan.standin_usd_per_day is not None:
        yield f"Stand-ins may cost {plan.standin_usd_per_day:g} USD a day; then only a chain's first is asked."
    if plan.standin_max_usd is not None:
        yield f"A stand-in may cost {plan.standin_max_usd:g} USD for a million output tokens, unless a route says else."


def _chains(plan: GatewayPlan, model: str) -> Iterator[_Chain]:
    """The model's chain in each protocol that serves it; else those of the usual models, or of the routes' patterns."""
    for protocol in _SPOKEN:
        names = [model] if model else list(_usual(plan, protocol))
        for name in names:
            links = plan.links(protocol, name)
            if any(link.target for link in links) and _belongs(protocol, name, plan):
                yield protocol, name, links


def _usual(plan: GatewayPlan, protocol: Protocol) -> Iterator[str]:
    if plan.routes:
        yield from dict.fromkeys(route.match for route in plan.routes)
        return
    home = _HOMES.get(protocol, "")  # Responses goes where Chat Completions goes
    tiers: dict[str, Model] = {}
    for found in models().values():
        if found.maker == home and not found.legacy and found.tier is not Tier.SMALL:
            tiers.setdefault(found.tier.value, found)
    yield from (found.id for found in tiers.values())


def _belongs(protocol: Protocol, name: str, plan: GatewayPlan) -> bool:
    """Not every protocol is worth a chain for a model: Claude's is asked in Anthropic's, unless a route says else."""
    if plan.routes:
        return True
    found = find_model(name)
    maker = found.maker if found else getattr(maker_of(name), "id", "")
    home = next((p for p, provider in _HOMES.items() if provider == maker), None)
    return home is None or home is protocol or (home is Protocol.OPENAI and protocol is Protocol.RESPONSES)


def _upstreams(plan: GatewayPlan) -> Table:
    """Two lines each, so that an address or a variable's name stays in one piece on a narrow screen."""
    rows = _grid()
    for known in plan.known:
        spec = known.spec
        watched = "/".join(filter(None, (spec.service, spec.component)))
        facts = [f"speaks {spec.protocol.value}", f"key: {_key(known)}", f"watched as {watched}" if watched else ""]
        rows.add_row("", spec.id, f"{clean(spec.base_url, 200)}\n{' · '.join(filter(None, facts))}")
    return rows


def _grid() -> Table:
    """A number, a name that stays in one piece, and words."""
    from rich.table import Table

    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(justify="right")
    rows.add_column(no_wrap=True, overflow="fold")
    rows.add_column(overflow="fold", min_width=_LEAST_WORDS)
    return rows


def _key(known: Known) -> str:
    if known.key_from:
        return clean(known.key_from, 200)
    if known.provider is not None and known.provider.is_local:
        return "none needed"
    if known.spec.protocol.value in ("bedrock", "vertex"):
        return "the cloud's own credentials"
    return "the client's own" if known.provider is not None or known.spec.pass_credentials else "none"


def _alike(chains: list[_Chain]) -> list[list[_Chain]]:
    """A route is the same for clients of every protocol, but for whom it is translated: it is told once."""
    found: dict[object, list[_Chain]] = {}
    for protocol, name, links in chains:
        same = (name, tuple((x.upstream, x.model, x.says, x.target is None) for x in links))
        found.setdefault(same, []).append((protocol, name, links))
    return list(found.values())


def _tell(out: Console, alike: list[_Chain]) -> None:
    _, name, links = alike[0]
    out.print(f"\n{clean(name, 200)} ({', '.join(protocol.value for protocol, _, _ in alike)})", style="bold")
    translated = {link.upstream for _, _, those in alike for link in those if link.translated}
    lines = []
    used = [link for link in links if link.target]
    for number, link in enumerate(used, start=1):
        where = f"{link.upstream}/{link.model}" if link.model else link.upstream
        spoken = f"; asked in {link.target.protocol.value}" if link.upstream in translated and link.target else ""
        lines.append((f"{number:>3}.", clean(where, 200), clean(link.says, 200) + spoken))
    unused = [link for link in links if not link.target]
    for says in dict.fromkeys(link.says for link in unused):
        names = ", ".join(link.upstream for link in unused if link.says == says)
        lines.append((_UNUSED, clean(names, 400), clean(says, 200)))
    _print_links(out, lines)


def _print_links(out: Console, lines: list[tuple[str, str, str]]) -> None:
    """In columns, or with the reason under each name where there is no room for both."""
    if out.width >= _BESIDE + max((len(name) for _, name, _ in lines), default=0) + _LEAST_WORDS:
        rows = _grid()
        for mark, name, says in lines:
            rows.add_row(mark, name, says, style="dim" if mark == _UNUSED else "")
        out.print(rows)
        return
    for mark, name, says in lines:
        style = "dim" if mark == _UNUSED else ""
        out.print(f"{mark}  {name}", style=style)
        out.print(indented(says, len(mark) + 4), style=style)


def _facts(plan: GatewayPlan, chains: list[_Chain]) -> dict[str, Any]:
    return {
        "upstreams": [
            {
                "id": k.spec.id,
                "protocol": k.spec.protocol,
                "base_url": k.spec.base_url,
                "key_from": k.key_from or None,
                "provider": k.provider.id if k.provider else None,
                "service": k.spec.service or None,
                "component": k.spec.component or None,
                "models": k.models,
            }
            for k in plan.known
        ],
        "chains": [
            {
                "protocol": protocol,
                "model": name,
                "links": [
                    {
                        "upstream": x.upstream,
                        "model": x.model,
                        "reason": x.reason,
                        "says": x.says,
                        "used": bool(x.target),
                        "protocol": x.target.protocol if x.target else None,
                        "translated": x.translated,
                    }
                    for x in links
                ],
            }
            for protocol, name, links in chains
        ],
        "missing": plan.missing,
        "limits": {
            "standin_usd_per_day": plan.standin_usd_per_day,
            "standin_max_usd_per_million": plan.standin_max_usd,
        },
    }
