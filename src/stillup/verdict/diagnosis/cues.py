"""What the words of an official incident say of symptoms and causes: one readable pattern for each observation.

Sentences that say what is *not* affected are taken out first, and say that the API works where they name it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_SPARED = re.compile(
    r"\b(?:not|n't|un)[ -]?(?:been )?(?:affected|impacted)|\bremains? (?:operational|available|unaffected)"
    r"|\bstill (?:available|operational|working)|\b(?:un)affected by this\b|\boperating normally\b|\bno impact\b"
)
_API = re.compile(r"\bapis?\b")

CUES = {
    "sign_in": r"log(?:ging|ged)?[ -]?(?:in|out|into)s?|sign(?:ing)?[ -]?(?:in|up)s?|sso|magic links?|authenticat\w+"
    r"|oauth|account creation|sessions? expir\w*",
    "overloaded": r"overload\w*|529s?|at capacity|503s?",
    "server_error": r"errors?|error rates?|5\d\ds?|5xx|fail(?:s|ed|ing|ures?)?",
    "no_response": r"unavailab\w+|down|inaccessib\w+|outage|unresponsive|not (?:load|respond)\w*|timed? ?outs?"
    r"|timing out|unable to (?:access|load|reach)",
    "slow": r"latenc\w+|slow\w*|delay\w*|longer than (?:expected|usual)",
    "stream_cut": r"truncat\w+|cut off|stream\w* (?:error|interrupt|fail)\w*|prematurely"
    r"|incomplete (?:response|answer)s?",
    "history": r"histor(?:y|ies)|(?:past|previous|missing|lost) (?:chats?|conversations?|messages|data)"
    r"|(?:chats?|conversations?|projects?|files?) (?:\w+ ){0,3}(?:missing|inaccessible|not (?:show|load|sav)\w*)",
    "connection": r"connecti(?:on|vity)|dns|unreachable|packet loss|unable to connect",
    "app_crash": r"crash\w*|won't (?:open|start|launch)|fail\w* to launch",
    "quality": r"quality|(?:incorrect|invalid|garbled) (?:output|response|answer)s?|intelligence|gibberish",
    "says_auth": r"log(?:ging|ged)?[ -]?(?:in|out|into)s?|sign(?:ing)?[ -]?(?:in|up)s?|sso|magic links?|authenticat\w+"
    r"|oauth|auth|identity|account creation",
    "says_load": r"capacity|traffic|high(?:er)? (?:load|demand|volume)|unexpected load|surge|overload\w*|529s?|429s?"
    r"|scal(?:e|ed|ing) up|load[ -]?shed\w*|queue[ds]?|backlogs?|backlogged|backed up",
    "says_model": r"models?|inference|gpus?|opus|sonnet|haiku|gpt-?[\w.-]*|codex|o[134](?:-\w+)?|embeddings?"
    r"|dall[ ·.-]?e|whisper|sora|davinci|curie|babbage|llama|gemini|mi[sx]tral-\w+|fine[ -]?tun\w+|engines?"
    r"|claude-[\w.]+|moderations?",
    "says_database": r"databases?|primary|replicas?|replication|storage|histor(?:y|ies)|redis|postgres\w*|mysql"
    r"|data (?:loss|store)|queries|migrations?|key[ -]value",
    "says_interface": r"web ?site|web (?:app|interface|ui)|webapp|ui|front[ -]?end|desktop|mobile|ios|android|windows"
    r"|apps?|extension|browser|dashboard|console|playground|page|site|claude\.ai|chatgpt|connectors?|uploads?|artifacts?"
    r"|cowork",
    "says_network": r"network\w*|dns|routing|bgp|packet loss|connectivity|certificates?|tls|tcp|fib(?:er|re)|congest\w+"
    r"|load balanc\w+|peering",
    "says_upstream": r"upstream|third[ -]party|(?:cloud|infrastructure|hosting|service|model|external|auth) providers?"
    r"|providers'?|vendor|partners?|cloudflare|aws|azure|gcp|google cloud|twilio|stripe|auth0|vertex"
    r"|dockerhub|intercom",
}
"""Observation → pattern of whole words in lower-case text."""

_MOST = 8000


def cues_in(text: str, own: Collection[str] = ()) -> dict[str, bool]:
    """The observations a page's words make; ``api_works`` where they say that it is spared.

    ``own`` are the service's own names: Cloudflare's page names Cloudflare and means no provider. That no model is
    named is an observation too, for pages name the model when only models fail. Empty for an empty text.
    """
    return dict(_read(text[:_MOST], tuple(own)))


@lru_cache(maxsize=256)  # an open incident is asked about every minute, and its text seldom changes
def _read(text: str, own: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    found: dict[str, bool] = {}
    kept = []
    for sentence in _SENTENCE.split(text.lower()):
        if not _SPARED.search(sentence):
            kept.append(sentence)
        elif _API.search(sentence):
            found["api_works"] = True
    left = " \n ".join(kept)
    for name in own:
        left = left.replace(name.lower(), " ")
    if left.strip():
        found |= {"says_model": False} | {name: True for name, pattern in _compiled().items() if pattern.search(left)}
    return tuple(found.items())


@cache  # compiled when first needed: no answer about a calm service pays for it
def _compiled() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(rf"(?<![\w.])(?:{pattern})(?![\w])") for name, pattern in CUES.items()}
