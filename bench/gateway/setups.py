"""The configuration of each gateway for a primary A and a backup B, both on loopback.

As their documentation has it; ``tuned`` shortens timeouts to two seconds and switches on what remembers failures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, PROTOCOLS, RESPONSES

_BASES = {ANTHROPIC: "", OPENAI: "/v1", RESPONSES: "/v1", GEMINI: ""}


def _base(protocol: str, port: int) -> str:
    """What the protocol's official SDK takes as base URL."""
    return f"http://127.0.0.1:{port}{_BASES[protocol]}"


def stillup(data: Path, listen: int, a: int, b: int) -> str:
    """One route a protocol, everything else as it comes: journal on, nothing tuned."""
    lines = [f'data = "{data / "data"}"', "[gateway]", f'listen = "127.0.0.1:{listen}"', "journal = true"]
    for protocol in PROTOCOLS:
        for name, port in (("a", a), ("b", b)):
            lines += ["[[gateway.upstreams]]", f'id = "{name}-{protocol}"', f'protocol = "{protocol}"']
            lines += [f'base_url = "{_base(protocol, port)}"', f'key_env = "{name.upper()}_KEY"']
    for protocol in PROTOCOLS:
        chain = f'["a-{protocol}/mock-model", "b-{protocol}/mock-model"]'
        lines += ["[[gateway.routes]]", f'match = "bench-{protocol}"', f"chain = {chain}"]
    return "\n".join(lines) + "\n"


def litellm(a: int, b: int, *, tuned: bool) -> str:
    """One model a protocol and its backup, chained by ``fallbacks``."""
    lines = ["model_list:"]
    for protocol in (ANTHROPIC, OPENAI):
        for name, port, patience in (("bench", a, 2), ("backup", b, 10)):
            more = f", timeout: {patience}, stream_timeout: {patience}, max_retries: 0" if tuned else ""
            base = f'api_base: "{_base(protocol, port)}", api_key: sk-{name}'
            lines.append(f"  - model_name: {name}-{protocol}")
            lines.append(f"    litellm_params: {{model: {protocol}/mock-model, {base}{more}}}")
    if tuned:
        lines.append("router_settings: {num_retries: 0, allowed_fails: 1, cooldown_time: 30}")
    chains = ", ".join(f'{{"bench-{p}": ["backup-{p}"]}}' for p in (ANTHROPIC, OPENAI))
    return "\n".join([*lines, "litellm_settings:", f"  fallbacks: [{chains}]"]) + "\n"


def coderouter(a: int, b: int, *, tuned: bool) -> str:
    """A profile a protocol; the client names it in a header."""
    kinds = {ANTHROPIC: "anthropic", OPENAI: "openai_compat"}
    guards = (
        ", backend_health_action: skip, backend_health_threshold: 2, stream_truncation_action: error"
        ", empty_response_action: fallback"
    )
    lines = ["allow_paid: true", f"default_profile: {OPENAI}", "providers:"]
    for protocol, kind in kinds.items():
        for name, port in (("a", a), ("b", b)):
            more = ", timeout_s: 30, ttft_timeout_s: 2" if tuned else ""
            can = "capabilities: {chat: true, streaming: true, tools: true}"
            base = f'base_url: "{_base(protocol, port)}", model: mock-model, api_key_env: A_KEY'
            lines.append(f"  - {{name: {name}-{protocol}, kind: {kind}, {base}{more}, {can}}}")
    lines.append("profiles:")
    for protocol in kinds:
        more = guards if tuned else ""
        lines.append(f"  - {{name: {protocol}, providers: [a-{protocol}, b-{protocol}]{more}}}")
    return "\n".join(lines) + "\n"


def portkey(protocol: str, a: int, b: int, *, tuned: bool) -> dict[str, Any]:
    """Its configuration travels in a header of every request."""
    provider = "anthropic" if protocol == ANTHROPIC else "openai"
    targets: list[dict[str, Any]] = [
        {"provider": provider, "api_key": f"sk-{name}", "custom_host": f"http://127.0.0.1:{port}/v1"}
        for name, port in (("a", a), ("b", b))
    ]
    if tuned:
        targets[0]["request_timeout"] = 2000
    return {"strategy": {"mode": "fallback"}, "targets": targets}


def tensorzero(a: int, b: int, *, tuned: bool) -> str:
    """One model with two providers; nothing is recorded."""
    lines = ["[gateway]", "observability.enabled = false", "[models.mock-model]", 'routing = ["a", "b"]']
    for name, port in (("a", a), ("b", b)):
        lines += [f"[models.mock-model.providers.{name}]", 'type = "openai"', 'model_name = "mock-model"']
        lines += [f'api_base = "http://127.0.0.1:{port}/v1/"', 'api_key_location = "none"']
        if tuned and name == "a":
            lines.append("timeouts = { non_streaming = { total_ms = 2000 }, streaming = { ttft_ms = 2000 } }")
    return "\n".join(lines) + "\n"
