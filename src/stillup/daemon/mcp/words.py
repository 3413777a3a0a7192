"""What the MCP tools answer, each in a few plain lines. Pure."""

from __future__ import annotations

from stillup.daemon.mcp.told import Down, Everything, Instead, Outlook


def down_words(told: Down) -> str:
    """Is it down?"""
    parts = [f"{told['headline']}. {told['because']}."]
    if told["since"]:
        parts.append(f"Since {told['since']}.")
    named = {"Broken": "components", "Where": "regions", "Trouble": "problems", "Models": "models"}
    parts += [f"{what}: {', '.join(told[field])}." for what, field in named.items() if told[field]]  # type: ignore[literal-required]
    return f"{' '.join(parts)}\n{told['rule']} ({told['told_by']}, {told['as_of']})"


def outlook_words(told: Outlook) -> str:
    """When will it be back?"""
    state, pattern = told["state"].replace("_", " "), told["pattern"] or ""
    if told["state"] in ("operational", "maintenance", "unknown"):
        return f"{told['service']}: {state}, so there is nothing to forecast. ({told['told_by']}, {told['as_of']})"
    if told["p50_s"] is None:
        return f"{told['service']}: {state}; no forecast can be made. {pattern}".rstrip()
    low, middle, high = _span(told["p10_s"]), _span(told["p50_s"]), _span(told["p90_s"])
    return f"Back in about {middle}, four times in five between {low} and {high}. {pattern}".rstrip()


def instead_words(told: Instead) -> str:
    """What to use instead?"""
    lines = [f"Still works: {', '.join(told['still_works'])}."] if told["still_works"] else []
    lines += [f"{c['name']} ({c['why']}): {c['advantage']}; {c['access']}; {c['link']}" for c in told["choices"]]
    return "\n".join(lines) or "Nothing in the catalogue is known to stand in for this."


def everything_words(told: Everything) -> str:
    """Which are down?"""
    faults = [s["headline"] for s in told["services"] if s["state"] not in ("operational", "unknown")]
    unknown = [s["name"] for s in told["services"] if s["state"] == "unknown"]
    up = len(told["services"]) - len(faults) - len(unknown)
    lines = [*faults, f"{up} up." if up else "", f"Not known: {', '.join(unknown)}." if unknown else ""]
    return "\n".join(line for line in lines if line)


def _span(seconds: float | None) -> str:
    minutes = (seconds or 0.0) / 60
    if minutes < 1.5:
        return "a minute"
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"
