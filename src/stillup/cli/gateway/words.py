"""The gateway's short words for what happened, as a person would say them."""

from __future__ import annotations

from stillup.cli.common import span
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.core.why import Why

_WHOLE_S = 10.0

_OPERATIONS: dict[Operation, str] = {
    Operation.COUNT_TOKENS: "counting tokens",
    Operation.EMBED: "embeddings",
    Operation.MODELS: "the list of models",
    Operation.STORED: "stored answers",
}


def fault_words(fault: str) -> str:
    """What went wrong; a word that is not known, from a newer journal, as it stands."""
    return Fault(fault).says if fault in set(Fault) else fault.replace("_", " ")


def operation_words(operation: Operation) -> str:
    """What was asked for beside answers; empty for answers."""
    return _OPERATIONS.get(operation, "")


def why_words(why: str) -> str:
    """Why somebody was asked, as a sentence; empty for the first of a chain, which needs no reason."""
    if why == Why.FIRST_CHOICE:
        return ""
    return Why(why).says if why in set(Why) else why.replace("_", " ")


def length(seconds: float) -> str:
    """``40 ms``, ``2.5 s``, and from ten seconds on as everywhere."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < _WHOLE_S else span(seconds)
