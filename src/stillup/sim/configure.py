"""How to point stillup at a world: the configuration's text and the dummy keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from stillup.catalog.load import Endpoint, Service, catalogue
from stillup.catalog.models import models
from stillup.registry import usable_sources
from stillup.sim.scenario import Part, Scenario
from stillup.sim.transcripts import CLAUDE_CODE, CODEX, GEMINI_CLI

INTERVAL_S = 60
DUMMY_KEY = "simulated-key"
STAND_IN_KEY = "STAND_IN_KEY"
"""The variable of the stand-in's key."""
_PATHS = {
    "statusgator": "/statusgator/api/v3",
    "downdetector": "/downdetector/v2",
    "hackernews": "/hn/api/v1",
    "google_trends": "/trends",
}
"""Where a source's own paths begin when it is not below its id."""
_EACH_MINUTE = frozenset({"statusgator", "downdetector", "reddit", "hackernews", "google_trends"})
"""What is asked as often as the pages are, unless told otherwise; the rest keep their own pace, or plays would lag."""
HERE = frozenset({"probe", "claude_code", "codex", "gemini_cli"})
"""Sources that have no site."""
_SESSIONS = {"claude_code": CLAUDE_CODE, "codex": CODEX, "gemini_cli": GEMINI_CLI}
"""Where command lines keep their sessions in this world."""
_STAND_INS = {"anthropic": "bedrock", "openai": "openai"}
"""What the stand-in speaks beside an API: for Claude it is the same model on Bedrock, else another of its kind."""

_ASKED = frozenset(_STAND_INS) | {"gemini"}
"""Protocols of APIs that programs ask for answers."""

_OFF = (
    "# Every platform of status pages is switched off but for the pages of these services, which stand in this world;",
    "# a page of your own is asked with `enabled = true` in its own table, such as [sources.statuspage.mine].",
)


class Addresses(Struct, frozen=True, kw_only=True):
    """Where everything of a world stands."""

    base_url: str
    endpoints: dict[str, dict[str, str]]
    """Of each service, by their ids."""
    controls: tuple[str, ...]
    transcripts: Path
    requests: str
    stand_in: str


def config_text(
    scenario: Scenario,
    services: Sequence[Service],
    where: Addresses,
    interval_s: int | None = INTERVAL_S,
    *,
    opt_in: bool = True,
) -> str:
    """A configuration that asks the world and nobody else."""
    countries = sorted({t.geo for part in scenario.parts for t in part.trends}) or ["US"]
    every = [] if interval_s is None else [f"interval_s = {interval_s}"]
    lines = [f"# simulated: {scenario.id}", *_OFF, f"services = [{', '.join(_text(s.id) for s in services)}]"]
    for spec in usable_sources():
        if spec.opt_in and not opt_in:
            continue  # off unless switched on, here as anywhere
        if spec.page:
            lines += _pages(spec.id, services, where.base_url, every)
        elif spec.id not in HERE:
            pace = every if spec.id in _EACH_MINUTE or interval_s != INTERVAL_S else []
            lines += _table(spec.id, pace, base_url=_text(where.base_url + _PATHS.get(spec.id, f"/{spec.id}")))
        if spec.id == "x":
            lines.append("max_usd_per_day = 1000")  # nothing is paid here, and no reading is held back
        if spec.id == "google_trends":
            lines.append(f"geo = [{', '.join(map(_text, countries))}]")
    for source, folder in _SESSIONS.items():
        lines += _table(source, every, path=_text(str(where.transcripts / folder)))
    lines += _table("probe", every, controls=f"[{', '.join(map(_text, where.controls))}]")
    for service in services:
        endpoints = (f"{name} = {_text(url)}" for name, url in where.endpoints[service.id].items())
        lines += [f"[sources.probe.{service.id}]", f"endpoints = {{ {', '.join(endpoints)} }}"]
    return "\n".join(lines + _gateway(scenario, where)) + "\n"


class Asked(Struct, frozen=True):
    """What the programs of a scenario ask: a service's models, how, and by which name."""

    part: Part
    service: Service
    endpoint: Endpoint
    model: str

    @property
    def protocol(self) -> str:
        """What they speak to it: its own protocol, or OpenAI's, which every API here speaks."""
        return self.endpoint.protocol if self.endpoint.protocol in _STAND_INS else "openai"

    @property
    def is_claude_code(self) -> bool:
        """Whether they stand for Claude Code: a part that tells what its requests meet is about that one."""
        return any(f.transcript_status for f in self.part.faults) and self.service.component("code") is not None


def asked_by_programs(scenario: Scenario) -> Asked | None:
    """The first service of the scenario whose models can be asked, in trouble if one is; None where there is none.

    Where one model is in trouble, that is the one they ask for.
    """
    found = []
    for part in scenario.parts:
        service = catalogue()[part.service]
        endpoint = next((e for e in service.endpoints if e.protocol in _ASKED), None)
        if endpoint is not None:
            found.append(Asked(part, service, endpoint, _model(part, endpoint)))
    return next((asked for asked in found if asked.part.faults), found[0] if found else None)


def _model(part: Part, endpoint: Endpoint) -> str:
    named = next((model for fault in part.faults for model in fault.models), None)
    if named is None:
        return endpoint.model
    return next((model for model in models() if named in model), named)


def _gateway(scenario: Scenario, where: Addresses) -> list[str]:
    """A gateway to an API as programs here reach it, and behind it the stand-in."""
    asked = asked_by_programs(scenario)
    if asked is None:
        return []
    service, endpoint = asked.service, asked.endpoint
    protocol, stand_in = asked.protocol, _STAND_INS[asked.protocol]
    path = "/v1" if protocol == "openai" else ""
    first = {
        "id": service.id,
        "protocol": protocol,
        "base_url": where.requests + path,
        "key_env": endpoint.key_env,
        "service": service.id,
        "component": "code" if asked.is_claude_code else endpoint.component,
    }
    other = {"id": "stand-in", "protocol": stand_in, "base_url": where.stand_in + path, "key_env": STAND_IN_KEY}
    if stand_in == "bedrock":
        other["region"] = "us-east-1"
    lines = ["", "[gateway]", 'listen = "127.0.0.1:0"']
    for upstream in (first, other):
        lines += ["", "[[gateway.upstreams]]", *(f"{key} = {_text(value)}" for key, value in upstream.items())]
    return [*lines, "", "[[gateway.routes]]", f"chain = [{_text(service.id)}, {_text('stand-in')}]"]


def _pages(source: str, services: Iterable[Service], base_url: str, every: Sequence[str]) -> list[str]:
    """The services' pages on one platform. Pages of others are not in this world, and the real ones are never asked."""
    lines = ["", f"[sources.{source}]", "enabled = false", *every]
    for service in services:
        if source in service.sources:
            page = _text(f"{base_url}/{source}/{service.id}")
            lines += [f"[sources.{source}.{service.id}]", "enabled = true", f"base_url = {page}"]
    return lines


def _table(source: str, every: Sequence[str], **values: str) -> list[str]:
    rest = [f"{key} = {value}" for key, value in values.items()]
    return ["", f"[sources.{source}]", "enabled = true", *every, *rest]


def dummy_keys(services: Iterable[Service]) -> dict[str, str]:
    """A dummy value for every variable a source or an endpoint takes its key from."""
    names = [spec.key_env for spec in usable_sources()] + [STAND_IN_KEY]
    names += [e.key_env for s in services for e in s.endpoints]
    return dict.fromkeys((name for name in names if name), DUMMY_KEY)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string
