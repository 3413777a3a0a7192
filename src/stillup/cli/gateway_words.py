"""The gateway's short words for what happened, as a person would say them."""

from __future__ import annotations

from stillup.cli.common import span
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.core.why import Why

_WHOLE_S = 10.0
_FAULTS: dict[Fault, str] = {
    Fault.REFUSED: "the connection was refused",
    Fault.DNS: "its name was not found",
    Fault.TLS: "no secure connection",
    Fault.CONNECT_TIMEOUT: "no connection in time",
    Fault.RESET: "the connection broke",
    Fault.REQUEST_TIMEOUT: "it gave up waiting for the request",
    Fault.CONFLICT: "it was busy with something else",
    Fault.RATE_LIMITED: "a rate limit",
    Fault.QUOTA: "the key's credit or plan is used up",
    Fault.SERVER_ERROR: "a server error",
    Fault.OVERLOADED: "it was overloaded",
    Fault.UNAUTHORIZED: "the key was refused",
    Fault.BAD_REQUEST: "it refused the request",
    Fault.TOO_LONG: "the request was too long for it",
    Fault.FILTERED: "a content filter refused it",
    Fault.NOT_API: "a page in place of an answer",
    Fault.EMPTY: "an empty answer",
    Fault.MALFORMED: "a broken answer",
    Fault.ERROR_EVENT: "an error inside the answer",
    Fault.SLOW_FIRST_TOKEN: "no first token in time",
    Fault.STALL: "it fell silent in its answer",
    Fault.CUT: "its answer broke off",
    Fault.DEADLINE: "the time for the request was over",
}

_OPERATIONS: dict[Operation, str] = {
    Operation.COUNT_TOKENS: "counting tokens",
    Operation.EMBED: "embeddings",
    Operation.MODELS: "the list of models",
    Operation.STORED: "stored answers",
}


def fault_words(fault: str) -> str:
    """What went wrong; a word that is not known, from a newer journal, as it stands."""
    return _FAULTS[Fault(fault)] if fault in set(Fault) else fault.replace("_", " ")


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
