"""How to point stillup at a world: the configuration's text and the dummy keys."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct

from stillup.catalog.load import Endpoint, Service
from stillup.registry import usable_sources
from stillup.sim.scenario import Scenario

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
_HERE = frozenset({"probe", "claude_code", "codex", "gemini_cli"})
"""Sources that have no site."""
_STAND_INS = {"anthropic": "bedrock", "openai": "openai"}
"""What the stand-in speaks beside an API: for Claude it is the same model on Bedrock, else another of its kind."""


class Addresses(Struct, frozen=True, kw_only=True):
    """Where everything of a world stands."""

    base_url: str
    endpoints: dict[str, str]
    controls: tuple[str, ...]
    transcripts: Path
    requests: str
    stand_in: str


def config_text(scenario: Scenario, service: Service, where: Addresses) -> str:
    """A configuration that asks the world and nobody else."""
    countries = sorted({t.geo for t in scenario.trends}) or ["US"]
    lines = [f"# simulated: {scenario.id}", f"services = [{_text(service.id)}]"]
    for spec in usable_sources():
        if spec.page:
            lines += _page(spec.id, service, where.base_url)
        elif spec.id not in _HERE:
            lines += _table(spec.id, base_url=_text(where.base_url + _PATHS.get(spec.id, f"/{spec.id}")))
        if spec.id == "google_trends":
            lines.append(f"geo = [{', '.join(map(_text, countries))}]")
    lines += _table("claude_code", path=_text(str(where.transcripts)))
    lines += _table("probe", controls=f"[{', '.join(map(_text, where.controls))}]")
    endpoints = (f"{name} = {_text(url)}" for name, url in where.endpoints.items())
    lines.append(f"endpoints = {{ {', '.join(endpoints)} }}")
    return "\n".join(lines + _gateway(scenario, service, where)) + "\n"


def asked_by_programs(service: Service) -> Endpoint | None:
    """The endpoint that says how programs ask this service's models; None where they cannot."""
    return next((e for e in service.endpoints if e.protocol in _STAND_INS), None)


def is_claude_code(scenario: Scenario, service: Service) -> bool:
    """Whether the programs stand for Claude Code: a scenario that tells what its requests meet is about that one."""
    return any(f.transcript_status for f in scenario.faults) and service.component("code") is not None


def _gateway(scenario: Scenario, service: Service, where: Addresses) -> list[str]:
    """A gateway to the service's API as programs here reach it, and behind it the stand-in."""
    endpoint = asked_by_programs(service)
    if endpoint is None:
        return []
    protocol, stand_in = endpoint.protocol, _STAND_INS[endpoint.protocol]
    path = "/v1" if protocol == "openai" else ""
    first = {
        "id": service.id,
        "protocol": protocol,
        "base_url": where.requests + path,
        "key_env": endpoint.key_env,
        "service": service.id,
        "component": "code" if is_claude_code(scenario, service) else endpoint.component,
    }
    other = {"id": "stand-in", "protocol": stand_in, "base_url": where.stand_in + path, "key_env": STAND_IN_KEY}
    if stand_in == "bedrock":
        other["region"] = "us-east-1"
    lines = ["", "[gateway]", 'listen = "127.0.0.1:0"']
    for upstream in (first, other):
        lines += ["", "[[gateway.upstreams]]", *(f"{key} = {_text(value)}" for key, value in upstream.items())]
    return [*lines, "", "[[gateway.routes]]", f"chain = [{_text(service.id)}, {_text('stand-in')}]"]


def _page(source: str, service: Service, base_url: str) -> list[str]:
    """The service's page on one platform. Pages of others are not in this world, and the real ones are never asked."""
    lines = ["", f"[sources.{source}]", "enabled = false", f"interval_s = {INTERVAL_S}"]
    if source not in service.sources:
        return lines
    page = _text(f"{base_url}/{source}/{service.id}")
    return [*lines, f"[sources.{source}.{service.id}]", "enabled = true", f"base_url = {page}"]


def _table(source: str, **values: str) -> list[str]:
    rest = [f"{key} = {value}" for key, value in values.items()]
    return ["", f"[sources.{source}]", "enabled = true", f"interval_s = {INTERVAL_S}", *rest]


def dummy_keys(service: Service) -> dict[str, str]:
    """A dummy value for every variable a source or an endpoint takes its key from."""
    names = [spec.key_env for spec in usable_sources()] + [e.key_env for e in service.endpoints] + [STAND_IN_KEY]
    return dict.fromkeys((name for name in names if name), DUMMY_KEY)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string
