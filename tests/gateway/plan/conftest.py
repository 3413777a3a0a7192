"""What the tests of the plan share: an environment, and a chain written as routes write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from stillup.config import parse_config
from stillup.gateway.core.values import Protocol
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.standin import Link
from stillup.gateway.upstreams import Local

Planner = Callable[..., GatewayPlan]


def chain(plan: GatewayPlan, protocol: Protocol, model: str) -> list[str]:
    """The chain's targets by name."""
    return [target.name for target in plan.chain(protocol, model)]


def reasons(links: Sequence[Link]) -> dict[str, str]:
    """Why each upstream is where it is; the last word counts where it is there twice."""
    return {link.upstream: link.reason.value for link in links}


@pytest.fixture
def plan_of() -> Planner:
    """Resolves the keys of an environment (``"ANTHROPIC OPENAI"``), a configuration's text, and local servers."""

    def resolved(keys: str = "", text: str = "", local: Sequence[Local] = (), **environ: str) -> GatewayPlan:
        named = {f"{name}_API_KEY": f"dummy-{name.lower()}" for name in keys.split()}
        return resolve(parse_config(text, {}), {**named, **environ}, local)

    return resolved
