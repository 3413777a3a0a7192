"""Every service of the design is there with every kind of entry, or it is said here why it lacks one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from stillup.catalog.load import Service, catalogue
from stillup.catalog.offers import LEANS
from stillup.registry import SOURCES

DESIGN = (
    "claude", "chatgpt", "copilot", "cursor", "gemini", "perplexity", "deepl", "midjourney", "mistral", "deepseek",
    "grok", "openrouter", "github", "stackoverflow", "bedrock", "vertex", "azure-openai", "aws", "gcp", "azure",
    "cloudflare",
)  # fmt: skip
CLOUDS = {"aws", "gcp", "azure", "cloudflare"}
SOLD_BY_OTHERS = {"openrouter", "bedrock", "vertex", "azure-openai"}
NO_MODEL = {*CLOUDS, "github", "stackoverflow"}

KINDS: dict[str, Callable[[Service], bool]] = {
    "components": lambda s: len(s.components) > 1 and all(c.aliases for c in s.components),
    "page ids": lambda s: any(c.page_ids for c in s.components),
    "status page": lambda s: any(SOURCES[source].page for source in s.sources),
    "models": lambda s: bool(s.models),
    "rungs": lambda s: len(s.endpoints) > 1 and "probe" in s.sources,
    "inference rung": lambda s: any(e.key_env for e in s.endpoints),
    "dependencies": lambda s: bool(s.dependencies),
    "abilities": lambda s: bool(s.abilities),
    "promises": lambda s: bool(s.promises),
    **{
        source: lambda s, source=source: source in s.sources  # type: ignore[misc]
        for source in (
            "statusgator", "downdetector", "reddit", "hackernews", "x", "bluesky", "mastodon", "google_trends",
            "openrouter", "globalping", "cloudflare_radar",
        )
    },
}  # fmt: skip

_MAKERS = "its models are other makers', and who writes of them means those"
_PART = "people and aggregators know it as a part of its cloud"
_NO_TERMS = "no public terms with a figure, and none that say there is none, could be found"
_NO_PLACE = "no page of its own there could be found"
ABSENT: dict[str, dict[str, str]] = {
    "page ids": {
        "deepl": "its page is on no platform with rows",
        "midjourney": "no page of its maker's could be found",
        "stackoverflow": "they could not be read; every row of its page counts, and is known by its name",
    },
    "status page": {
        "deepl": "its pages are made for people; what they read themselves is documented nowhere",
        "midjourney": "no page of its maker's could be found",
    },
    "models": {
        **dict.fromkeys(SOLD_BY_OTHERS - {"bedrock"}, _MAKERS),
        **dict.fromkeys(NO_MODEL, "it has none"),
        "deepl": "its models have no names that people use",
    },
    "inference rung": {
        **dict.fromkeys(NO_MODEL, "it has no models"),
        **dict.fromkeys(("copilot", "cursor", "midjourney"), "it has no public API with a key"),
        "perplexity": "a question also costs a search, and its streams have no end marker that the ladder knows",
        "vertex": "the protocols its keys open are none of the ladder's",
        "azure-openai": "everyone's own resource has an address of its own",
    },
    "dependencies": {
        **dict.fromkeys(CLOUDS - {"cloudflare"}, "it stands on nothing else here"),
        "deepseek": "where it is served from is not public",
    },
    "abilities": dict.fromkeys(CLOUDS | {"github"}, "it can stand in for no assistant"),
    "promises": dict.fromkeys(
        ("copilot", "cursor", "perplexity", "deepl", "deepseek", "grok", "openrouter"), _NO_TERMS
    ),
    "statusgator": dict.fromkeys(SOLD_BY_OTHERS - {"openrouter"}, _PART),
    "downdetector": {
        **dict.fromkeys(SOLD_BY_OTHERS - {"openrouter"}, _PART),
        **dict.fromkeys(("copilot", "cursor", "openrouter", "stackoverflow"), _NO_PLACE),
    },
    "reddit": {
        **dict.fromkeys(SOLD_BY_OTHERS - {"openrouter"}, "its users write where its cloud's do"),
        "deepl": "no community of its own there could be found",
    },
    "openrouter": {
        **dict.fromkeys(NO_MODEL | {"openrouter"}, "it makes no models"),
        **dict.fromkeys(("copilot", "cursor", "deepl", "midjourney"), "OpenRouter sells nothing of it"),
    },
    "cloudflare_radar": {
        **dict.fromkeys(set(DESIGN) - CLOUDS, "it measures networks and clouds, which this stands on"),
        "cloudflare": "it measures the clouds behind Cloudflare's own network",
    },
}


def test_every_service_of_the_design_is_in_the_catalogue_and_no_other():
    assert set(catalogue()) == set(DESIGN)


@pytest.mark.parametrize("kind", KINDS)
def test_every_service_has_an_entry_of_every_kind_or_there_is_a_reason(kind: str):
    lacking = {s for s in DESIGN if not KINDS[kind](catalogue()[s])}

    assert lacking == set(ABSENT.get(kind, {}))


def test_every_reason_is_about_a_kind_that_exists():
    assert ABSENT.keys() <= KINDS.keys()
    assert all(why for reasons in ABSENT.values() for why in reasons.values())


PAGE = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text("utf-8")
HEAD = ("service", "parts", "status page read by", "stands in for", "probably fails with", "promised")


def row(service: Service) -> tuple[str, ...]:
    """One service as the page's table has it."""
    pages = [f"`{source}`" for source in service.sources if SOURCES[source].page]
    tasks = [f"{a.capability.value}{'' if a.free else ' (paid)'}" for a in service.abilities]
    leans = [f"{d.service} {d.confidence:.0%}" for d in service.dependencies if d.confidence >= LEANS]
    promised = sorted({p.uptime for p in service.promises if p.uptime is not None})
    return (
        f"`{service.id}` {service.name}",
        str(len(service.components)),
        ", ".join(pages) or "none",
        ", ".join(tasks) or "–",
        ", ".join(leans) or "–",
        ", ".join(f"{100 * uptime:g} %" for uptime in promised) or ("none" if service.promises else "not known"),
    )


def table() -> str:
    return lines((HEAD, ("---",) * len(HEAD), *(row(catalogue()[s]) for s in DESIGN)))


def missing() -> str:
    """What is missing and why, a line for each reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for kind, services in ABSENT.items():
        for service in DESIGN:
            if service in services:
                reasons.setdefault((kind, services[service]), []).append(service)
    rows = ((kind, why, ", ".join(f"`{s}`" for s in who)) for (kind, why), who in reasons.items())
    return lines((("what", "why it is missing", "of"), ("---",) * 3, *rows))


def lines(rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


@pytest.mark.parametrize(("name", "wanted"), [("services", table()), ("missing", missing())])
def test_the_page_shows_what_the_catalogue_has_and_lacks(name: str, wanted: str):
    shown = PAGE.partition(f"<!-- {name} -->\n\n")[2].partition(f"\n\n<!-- {name}: end -->")[0]

    assert shown == wanted, f"put this between the two marks of docs/catalogue.md:\n\n{wanted}"
