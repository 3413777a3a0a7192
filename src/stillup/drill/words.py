"""A drill's values as a person reads them: seconds, shares, shapes, failures. Pure."""

from __future__ import annotations

from stillup.drill.values import Asked, Kind, Play, Scene, Shape, Where
from stillup.sources.decode import clean
from stillup.verdict.telling.units import span

_LINE = 200
SHAPES = {
    Shape.STREAM: "a stream",
    Shape.WHOLE: "an answer in one piece",
    Shape.TOOLS: "a stream that calls a tool",
    Shape.SCHEMA: "an answer in a given form (JSON)",
    Shape.OTHER: "a request",
}
WHERES = {
    Where.MIRROR: "It was played on this machine: scripted providers stood in for yours, and no real one was asked",
    Where.GATEWAY: "It was run on the gateway in use: real requests met the failure, and no real provider was touched",
}
KINDS = {
    Kind.MODE: "one upstream fails",
    Kind.PROVIDER: "one provider is down",
    Kind.REGION: "one cloud is down",
    Kind.ALL: "every provider is down",
    Kind.GREEN_PAGE: "a provider is down, and its page says that all is well",
}


def seconds(value: float) -> str:
    """A length of time: ``0.4 s``, ``12 s``, ``5 min``."""
    if value < 10.0:
        return f"{max(0.0, value):.1f} s"
    return f"{value:.0f} s" if value < 90.0 else span(value)


def share(value: float) -> str:
    """Whole percents: 100 only where all is whole, 0 only where nothing is."""
    if value >= 1.0:
        return "100 %"
    return f"{min(99, max(1, round(value * 100)))} %" if value > 0.0 else "0 %"


def ago(days: int) -> str:
    """``less than a day ago``, ``3 days ago``."""
    return f"{count(days, 'day')} ago" if days >= 1 else "less than a day ago"


def line(text: str, limit: int = _LINE) -> str:
    """One clean line of what a provider, a client or a configuration says."""
    return clean(text, limit)


def count(number: int, one: str, many: str = "") -> str:
    """``1 request``, ``3,000 requests``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def title(play: Play | Scene) -> str:
    """What fails, as a heading. Where an upstream's id comes first it stays as it is."""
    told = line(play.title or KINDS[play.kind])
    return told if play.kind is Kind.MODE else f"{told[:1].upper()}{told[1:]}"


def what(asked: Asked) -> str:
    """What a request asked for: ``a stream (anthropic)``."""
    return SHAPES[asked.shape] + (f" ({line(asked.protocol, 30)})" if asked.protocol else "")


def became(asked: Asked) -> str:
    """What came of a request, in a few words."""
    if asked.ok:
        by = f" by {line(asked.upstream, 60)}" if asked.upstream else ""
        return f"broke off, and was gone on with{by}: whole and right" if asked.continued else f"whole and right{by}"
    if asked.put_off:
        return f"no answer yet: kept, and asked again later{_because(asked)}"
    return f"lost{_because(asked)}{missing(asked.wanted_chars, asked.got_chars)}"


def missing(wanted: int, got: int) -> str:
    """How much of an answer never came; empty where nobody can know."""
    if wanted <= 0:
        return ""
    if got <= 0:
        return f"; all {wanted:,} characters never came"
    never = max(0, wanted - got)
    return f"; {never:,} of {wanted:,} characters never came" if never else "; it is not the right answer"


def _because(asked: Asked) -> str:
    return f" ({line(asked.says)})" if asked.says else ""
