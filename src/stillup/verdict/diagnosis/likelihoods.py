"""The likelihood table of the diagnosis: how probable each observation is under each class of outage.

A row reads: *of a hundred outages of this class, in so many is this seen.* They are judgements of ours, drawn from the
facts named beside them; none is fitted. The column ``unknown`` is how often it is seen whatever the cause: that class
wins when no other explains what is seen better than chance does. ``docs/diagnosis.md`` shows the same table.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Layer, OutageClass

CLASSES = tuple(OutageClass)
"""The columns, in this order: authentication, api_overload, model_infrastructure, database, presentation,
network_regional, dependency, unknown."""

PRIOR = dict(zip(CLASSES, (0.07, 0.09, 0.35, 0.05, 0.18, 0.03, 0.03, 0.20), strict=True))
"""Our judgement, near the shares among 75 incidents of 2022 to mid-2024 that we labelled by hand."""


class Group(StrEnum):
    """Observations that come from one place and so tend to be right, or wrong, together."""

    SYMPTOMS = "symptoms"
    CAUSE = "cause"
    PARTS = "parts"
    TRIES = "tries"


RHO = {Group.SYMPTOMS: 0.4, Group.CAUSE: 0.3, Group.PARTS: 0.3, Group.TRIES: 0.6}
"""Correlation within a group: n observations count as n / (1 + (n - 1) ρ) independent ones (Kish's design effect)."""


class Row(Struct, frozen=True):
    """One observation. ``absent`` tells whether it says something when it was looked for and not seen."""

    group: Group
    seen: tuple[float, ...]
    words: str
    unseen_words: str = ""
    fact: str = ""

    @property
    def absent(self) -> bool:
        """Whether its absence is evidence too."""
        return bool(self.unseen_words)

    def p(self, of: OutageClass) -> float:
        """P(seen | class)."""
        return self.seen[CLASSES.index(of)]


_S, _C, _P, _T = Group.SYMPTOMS, Group.CAUSE, Group.PARTS, Group.TRIES

# fmt: off
#                              auth  over  model data  pres  net   dep   unkn
TABLE: dict[str, Row] = {
    "sign_in":        Row(_S, (0.93, 0.05, 0.03, 0.10, 0.12, 0.08, 0.20, 0.10), "sign-in fails", "sign-in works",
        "OAuth and sign-in pages are services apart from inference at every provider; keys and sessions outlive them"),
    "overloaded":     Row(_S, (0.02, 0.55, 0.12, 0.03, 0.02, 0.02, 0.06, 0.06), "overload errors", "",
        "Anthropic documents 529 as overload and OpenAI 503 as overloaded, apart from 500 for internal errors"),
    "server_error":   Row(_S, (0.20, 0.50, 0.70, 0.35, 0.20, 0.20, 0.45, 0.40), "server errors", "",
        "error rates are what inference faults show first; providers title most such incidents by them"),
    "no_response":    Row(_S, (0.15, 0.25, 0.25, 0.25, 0.35, 0.35, 0.35, 0.22), "no answer", "",
        "a page that does not load and a model that does not answer look alike to people"),
    "slow":           Row(_S, (0.04, 0.40, 0.20, 0.20, 0.08, 0.20, 0.12, 0.10), "slow answers", "",
        "queues grow before they refuse: latency is the first sign of overload"),
    "stream_cut":     Row(_S, (0.01, 0.05, 0.12, 0.01, 0.04, 0.05, 0.03, 0.03), "answers cut off", "",
        "a stream is cut by the server that holds it: the model's, or the network between"),
    "history":        Row(_S, (0.03, 0.01, 0.01, 0.85, 0.08, 0.01, 0.05, 0.05), "history or files missing", "",
        "stored conversations live in a database of their own; models answer without it"),
    "connection":     Row(_S, (0.04, 0.05, 0.03, 0.04, 0.08, 0.65, 0.20, 0.05), "no connection", "",
        "resolving, routing and TLS fail before any server of the service is asked"),
    "app_crash":      Row(_S, (0.02, 0.01, 0.01, 0.02, 0.30, 0.01, 0.02, 0.03), "an app crashes", "",
        "a bad release of a client breaks the client alone"),
    "quality":        Row(_S, (0.01, 0.02, 0.10, 0.01, 0.02, 0.01, 0.01, 0.03), "worse answers", "",
        "Anthropic's postmortem of September 2025: routing, sampling and compiler faults of serving changed answers"),
    "says_auth":      Row(_C, (0.80, 0.02, 0.02, 0.04, 0.05, 0.02, 0.06, 0.04), "the page speaks of sign-in", "", ""),
    "says_load":      Row(_C, (0.02, 0.60, 0.04, 0.05, 0.02, 0.02, 0.03, 0.03), "the page speaks of load", "",
        "providers name capacity and traffic when demand is the cause"),
    "says_model":     Row(_C, (0.03, 0.40, 0.85, 0.02, 0.04, 0.03, 0.10, 0.07), "the page names models",
        "the page names no model",
        "status pages have no component per model: only titles and texts name them"),
    "says_database":  Row(_C, (0.03, 0.02, 0.02, 0.60, 0.05, 0.01, 0.04, 0.04), "the page speaks of stored data", "",
        "OpenAI and GitHub name the database in postmortems of failovers and saturated primaries"),
    "says_interface": Row(_C, (0.08, 0.02, 0.03, 0.10, 0.60, 0.03, 0.06, 0.10), "the page speaks of its site or apps",
        "", "features of the site and apps break by their own releases"),
    "says_network":   Row(_C, (0.02, 0.03, 0.03, 0.03, 0.03, 0.60, 0.12, 0.03), "the page speaks of the network", "",
        "OpenAI, December 2024: the cluster's DNS failed; Cloudflare, AWS: routes and DNS are named as such"),
    "says_upstream":  Row(_C, (0.02, 0.01, 0.02, 0.02, 0.02, 0.06, 0.75, 0.02), "the page speaks of a provider", "",
        "those who stand on a failed cloud say so early: it is not their fault"),
    "api_works":      Row(_P, (0.80, 0.06, 0.12, 0.60, 0.92, 0.35, 0.40, 0.45), "the API works", "the API fails",
        "API keys pass neither the sign-in page nor the site, so a fault of either leaves the API up"),
    "one_model":      Row(_P, (0.01, 0.12, 0.55, 0.01, 0.01, 0.01, 0.03, 0.05), "only some models", "",
        "models run on fleets of their own; everything before them is shared"),
    "few_regions":    Row(_P, (0.06, 0.05, 0.05, 0.05, 0.05, 0.60, 0.15, 0.08), "only some regions", "",
        "routes and edges are regional, models and accounts are served worldwide"),
    "everything":     Row(_P, (0.20, 0.20, 0.30, 0.35, 0.03, 0.50, 0.50, 0.25), "every part is hit",
        "some parts are untouched", "one fault that takes all parts lies in what they share"),
    "try_edge":       Row(_T, (0.02, 0.03, 0.01, 0.02, 0.08, 0.75, 0.40, 0.10), "connections to its edge fail",
        "its edge answers", "Cloudflare, November 2025: services behind a failed edge were up and out of reach"),
    "try_auth":       Row(_T, (0.85, 0.08, 0.03, 0.20, 0.20, 0.65, 0.35, 0.20), "the sign-in page fails",
        "the sign-in page answers", ""),
    "try_page":       Row(_T, (0.15, 0.05, 0.02, 0.20, 0.80, 0.65, 0.40, 0.25), "the site fails",
        "the site answers", ""),
    "try_api":        Row(_T, (0.12, 0.60, 0.20, 0.30, 0.03, 0.65, 0.45, 0.25), "the API's front fails",
        "the API's front answers", "key checks and limits stand before the models and answer without them"),
    "try_inference":  Row(_T, (0.08, 0.80, 0.92, 0.20, 0.03, 0.60, 0.45, 0.40), "requests to models fail",
        "models answer", "lists of models answer while generation fails: Gemini, OpenAI"),
}
# fmt: on

#                                     local net   edge  auth  pres  api   infer data
LAYERS = tuple(Layer)
WHERE: dict[OutageClass, tuple[float, ...]] = {
    OutageClass.AUTHENTICATION: (0.0, 0.01, 0.02, 0.85, 0.04, 0.02, 0.0, 0.06),
    OutageClass.API_OVERLOAD: (0.0, 0.0, 0.02, 0.01, 0.02, 0.50, 0.43, 0.02),
    OutageClass.MODEL_INFRASTRUCTURE: (0.0, 0.01, 0.01, 0.0, 0.02, 0.08, 0.87, 0.01),
    OutageClass.DATABASE: (0.0, 0.0, 0.0, 0.03, 0.05, 0.04, 0.0, 0.88),
    OutageClass.PRESENTATION: (0.0, 0.01, 0.05, 0.03, 0.85, 0.02, 0.01, 0.03),
    OutageClass.NETWORK_REGIONAL: (0.0, 0.70, 0.25, 0.0, 0.0, 0.03, 0.01, 0.01),
    OutageClass.DEPENDENCY: (0.0, 0.15, 0.35, 0.10, 0.05, 0.10, 0.15, 0.10),
    OutageClass.UNKNOWN: (0.0, 0.05, 0.08, 0.12, 0.20, 0.20, 0.25, 0.10),
}
"""P(layer | class), in the order of :class:`~stillup.model.service.Layer`."""

DEPENDENCY_SEEN = 0.9
"""P(it is seen to be down | our outage comes from it)."""
DEPENDENCY_BASE = 0.01
"""Share of time in which a dependency has an outage anyway."""
OFF_THE_MAP = 0.5
"""Weight of culprits that are not in the catalogue, beside the confidences of those that are."""
