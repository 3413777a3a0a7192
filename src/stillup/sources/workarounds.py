"""Which posts offer a way round trouble: rules anyone can read (``workaround_rules.toml``), as for trouble itself.

What is passed on is the post's own address on its own site, never one found in a text. What looks like a trap (a
messenger's "support", a shortened link, somebody's key or program, a sale) is dropped whole.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from stillup.catalog.load import Component, Service
from stillup.model.service import Problem
from stillup.response.workarounds import Tip
from stillup.sources.decode import clean
from stillup.sources.tally import Post
from stillup.sources.text import Mention, form_of, table
from stillup.sources.text_form import plain

_TITLE_CHARS, _BODY_CHARS, _SHOWN_CHARS = 300, 800, 90
_PATH = r"(?:/[A-Za-z0-9_.~:%!=?&@-]{0,200}){1,8}"
_MACRO = re.compile(r"<<([a-z]+)>>")
_LEADS = (
    r"\b(?:use|using|switch(?:ed|ing)? (?:over )?to|fall(?:ing)? back (?:to|on)|fell back (?:to|on)|through|via|over to"
    r"|moved? to|point \w{1,12}(?: \w{1,12})? at)(?: the| your| their| my| an?| our)?(?: SVC)? "
)
_STILL = (
    r"(?: app)?,? (?:still |is still |just |itself )?"
    r"(?:works?|working|goes on|is (?:fine|up|ok|okay)|answers?|lets you in)\b"
)
_STEPS = "steps"
_PARTS = ("trouble", "what", "that")
_ELSEWHERE, _MISREAD = "leads_elsewhere", "meant_to_be_misread"
_LINK = re.compile(r"(?:https?://|\bwww\.)([^\s/?#:)\]>\"']{1,200})")
_NAMED = re.compile(r"(?<![\w.-])([\w-]+(?:\.[\w-]+)+)(/\w)?")
"""What may be a host without ``https`` before it, in any script: letters that look like others' are the usual trap."""
_DISGUISED = re.compile(
    r"\s?[\[({<]\s?(?:\.|dot)\s?[\])}>]\s?|(?<=[a-z0-9])[\u3002\uff61](?=[a-z0-9])|\s+\.\s*(?=(?:com|net|org|io|ai|app)\b)"
)
"""A dot as people write it who do not want it seen for one."""
_FILES = frozenset((
    "conf", "cfg", "cpp", "css", "csv", "env", "exe", "go", "html", "ini", "jar", "java", "js", "json", "jsonl", "jsx",
    "local", "lock", "log", "md", "mjs", "pdf", "php", "plist", "png", "py", "rb", "rs", "sh", "sqlite", "toml", "ts",
    "tsx", "txt", "xml", "yaml", "yml",
))  # fmt: skip
_MIXED = re.compile(r"[a-z][\u0400-\u052f]+[a-z]|\b[\u0400-\u052f]+[a-z]")
"""A word of Latin letters with Cyrillic ones in it: it is meant to be misread."""
_NAMES_OF_ERRORS = ("error", "exception", "timeout", "warning")
_RESOLVERS = frozenset(("1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "127.0.0.1", "0.0.0.0"))  # noqa: S104
"""Numbers that a remedy may name; any other could be anybody's."""


class _Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    pattern: str
    weight: float
    tells: tuple[Literal["what", "that", "trouble"], ...] = ()
    says: str = ""


class _Refusal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    pattern: str


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    threshold: Annotated[float, Meta(gt=0)]
    hosts: tuple[str, ...]
    macros: dict[str, str]
    rules: tuple[_Rule, ...]
    refuse: tuple[_Refusal, ...]


class Offer(Struct, frozen=True, kw_only=True):
    """What a text offers: whether it does, the sum that decided, the rules that matched, and what they say.

    ``refused`` names the rule for which an offer must not be passed on, empty where none forbids it.
    """

    is_one: bool
    score: float = 0.0
    rules: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    refused: str = ""


def offer_of(text: str, service: Service) -> Offer:
    """Read one text; only its first 4,000 characters count.

    Most texts offer nothing, and reading on takes time: without one of the three parts the rest is not looked for.
    """
    form, matched = form_of(text, service), dict[str, _Rule]()
    for part in _PARTS:
        matched |= {r.name: r for r, pattern in _compiled() if part in r.tells and pattern.search(form)}
        if not any(part in rule.tells for rule in matched.values()):
            return Offer(is_one=False)
    matched |= {r.name: r for r, pattern in _compiled() if not r.tells and pattern.search(form)}
    score = round(sum(rule.weight for rule in matched.values()), 3)
    is_one = score >= rules().threshold
    refused = refusal_of(text) if is_one else ""
    return Offer(
        is_one=is_one and not refused,
        score=score,
        rules=tuple(matched),
        why=tuple(dict.fromkeys(rule.says for rule in matched.values() if rule.says)),
        refused=refused,
    )


def refusal_of(text: str) -> str:
    """The name of the first rule that forbids passing a text on; empty where none does.

    It is read as it is seen: without what is invisible, and with wide and odd letters as those they look like.
    """
    seen = "".join(c for c in text[:4000] if c.isprintable() or c.isspace())
    lowered = unicodedata.normalize("NFKC", seen).casefold()[:8000]
    named = next((name for name, pattern in _refusals() if pattern.search(lowered)), "")
    if named or _MIXED.search(lowered):
        return named or _MISREAD
    return _ELSEWHERE if _leads_elsewhere(_DISGUISED.sub(".", lowered)) else ""


def _leads_elsewhere(text: str) -> bool:
    linked = (m[1] for m in _LINK.finditer(text))
    named = (m[1] for m in _NAMED.finditer(text) if _is_host(m[1], has_path=bool(m[2])))
    return any(not _is_known(host) for host in (*linked, *named))


def _is_host(name: str, *, has_path: bool) -> bool:
    """Whether a name with dots is an address: no file, number or version, and no error of a program's."""
    end = name.rpartition(".")[2]
    if re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", name):
        return name not in _RESOLVERS
    if end in _FILES:
        return has_path
    return len(end) > 1 and (end.isalpha() or end.startswith("xn--")) and not end.endswith(_NAMES_OF_ERRORS)


def _is_known(named: str) -> bool:
    host = named.rstrip(".,;!")
    return any(host == known or host.endswith(f".{known}") for known in rules().hosts)


def tip_of(source: str, post: Post, mention: Mention, service: Service, host: str) -> Tip | None:
    """A post as a tip; None where it offers nothing, must not be passed on, or does not stand on ``host``."""
    if mention.mirrors_page or not re.fullmatch(rf"https://{re.escape(host)}{_PATH}", post.url):
        return None
    text = f"{post.title[:_TITLE_CHARS]}\n{post.body[:_BODY_CHARS]}"
    offer = offer_of(text, service)
    title = clean(post.title, _SHOWN_CHARS)
    if not offer.is_one or not title:
        return None
    way = way_of(text, service)
    broken = [name for name in mention.components if name != way]
    return Tip(
        source=source,
        url=post.url,
        title=title,
        at=post.at,
        why=offer.why,
        weight=min(1.0, offer.score / (3 * rules().threshold)),
        component=broken[0] if len(broken) == 1 else None if broken else post.component,
        problem=mention.problem or _problem_of(mention),
        way=way,
        has_steps=_STEPS in offer.rules,
        score=post.score,
        replies=post.replies,
    )


def way_of(text: str, service: Service) -> str | None:
    """The one component that a text sends people to; None where it names none, or several."""
    form = plain(text)
    found = [component for component, pattern in _ways(service.components) if pattern.search(form)]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=64)
def _ways(components: tuple[Component, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    def pattern(component: Component) -> re.Pattern[str]:
        names = sorted({n.lower() for n in (component.name, *component.aliases)}, key=lambda n: (-len(n), n))
        called = rf"(?<![a-z0-9.])(?:{'|'.join(map(re.escape, names))})(?![a-z0-9])"
        return re.compile(rf"{_LEADS}{called}|{called}{_STILL}")

    return tuple((component.id, pattern(component)) for component in components)


def _problem_of(mention: Mention) -> Problem | None:
    """What a text that tells of a way round is about: it need not be in trouble any more to name the kind."""
    named = (rule for rule in table().rules if rule.name in mention.rules and rule.weight > 0)
    kinds = [rule for rule in named if rule.problem is not None]
    return max(kinds, key=lambda rule: rule.weight).problem if kinds else None


@cache
def rules() -> _Table:
    """The shipped table."""
    text = (files("stillup.sources") / "workaround_rules.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_Table)


@cache
def _compiled() -> tuple[tuple[_Rule, re.Pattern[str]], ...]:
    macros = rules().macros
    return tuple((rule, re.compile(_MACRO.sub(lambda m: macros[m[1]], rule.pattern))) for rule in rules().rules)


@cache
def _refusals() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((rule.name, re.compile(rule.pattern)) for rule in rules().refuse)
