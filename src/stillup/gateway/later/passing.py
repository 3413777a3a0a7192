"""Whether to put a request off: did it fail for a reason that passes, and can it be asked without its client? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stillup.gateway.core.actions import Refuse
from stillup.gateway.core.fault import MEANINGS, Fault, Whose
from stillup.gateway.core.retry import End
from stillup.gateway.core.status import Condition
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.values import Ask, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice, KeyKind, UpstreamSpec
from stillup.gateway.dialects.keys import may_borrow

HEADER = b"x-stillup-defer"
_YES = (b"1", b"true", b"yes", b"queue")
_NO = (b"0", b"false", b"no")
_ENDS = (End.ALL_FAILED, End.LIMITED, End.DEADLINE)
_OPERATIONS = (Operation.GENERATE, Operation.EMBED)
"""Lists and counts are of no use later."""
_READY = (Condition.WELL, Condition.SUSPICIOUS, Condition.UNTRIED, Condition.TRICKLE)
"""A trickle looks whether one is well again, and this is as good a request for it as any."""


def says_so(ask: Ask) -> bool | None:
    """What the client's own header says; None where there is none, or none that can be read."""
    value = next((v.strip().lower() for name, v in ask.headers if name.lower() == HEADER), b"")
    return True if value in _YES else False if value in _NO else None


def is_to_wait(ask: Ask) -> bool:
    """Whether its client wants it put off though nobody has failed: it has its turn when somebody is well."""
    return any(name.lower() == HEADER and value.strip().lower() == b"queue" for name, value in ask.headers)


def is_wanted(ask: Ask, *, configured: bool | None) -> bool:
    """Whether it is to be put off at all: the client's word counts unless the configuration says never."""
    if configured is False or ask.operation not in _OPERATIONS:
        return False
    said = says_so(ask)
    return configured is True if said is None else said


def passes(refuse: Refuse, tries: Sequence[Trial]) -> bool:
    """Whether waiting may help: at least one upstream failed for a reason that is neither the request's nor a key's."""
    if refuse.end not in _ENDS:
        return False
    return not tries or any(t.fault is not None and _passes(t.fault) for t in tries)


def _passes(fault: Fault) -> bool:
    if fault in (Fault.RATE_LIMITED, Fault.QUOTA, Fault.DEADLINE):  # a limit is full again some time
        return True
    return MEANINGS[fault].whose in (Whose.PROVIDER, Whose.HERE)


def open_without_client(
    ask: Ask, chain: Sequence[Target], keys: Mapping[str, KeyChoice], specs: Mapping[str, UpstreamSpec]
) -> tuple[Target, ...]:
    """Law 10: those of a chain that open to the gateway itself, with no client's key and no subscription's token.

    ``keys`` are those that would be used without a client's.
    """
    return tuple(t for t in chain if _opens(keys[t.upstream], specs[t.upstream], ask.protocol))


def _opens(key: KeyChoice, spec: UpstreamSpec, protocol: Protocol) -> bool:
    if key.subscription or key.kind is KeyKind.CLIENT:
        return False
    return key.kind is KeyKind.OWN or not may_borrow(spec, protocol)


def is_ready(
    model: str,
    operation: Operation,
    chain: Sequence[Target],
    conditions: Mapping[tuple[str, str, Operation], Condition],
) -> bool:
    """Whether an upstream of the chain is, or may be, well; ``conditions`` are of those that were asked before."""
    return any(conditions.get((t.upstream, t.model or model, operation), Condition.UNTRIED) in _READY for t in chain)
