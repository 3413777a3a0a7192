"""What a client is told beside an upstream's own words: who answered (law 8), and why nobody did (law 2)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stillup.gateway.continued import HEADER
from stillup.gateway.core.actions import Refuse
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.values import Ask, Headers, Protocol
from stillup.gateway.dialects.base import KeyKind
from stillup.gateway.dialects.dialect import dialect_of, is_same_dialect
from stillup.gateway.dialects.errors import error_answer, error_event
from stillup.gateway.dialects.trouble import said
from stillup.gateway.seen.passage import Ending
from stillup.gateway.wire.hops import end_to_end, header_value

if TYPE_CHECKING:
    from stillup.gateway.handling import Handling

_LONGEST_WORDS = 2000
_CLOUDS = (Protocol.BEDROCK, Protocol.VERTEX)
"""Their errors come in their own shapes; what is served over them is Anthropic's protocol."""
_HIDDEN = b"[key]"
ESTIMATED = "estimated"
"""The reason of an answer that no upstream gave."""

Answer = tuple[int, Headers, bytes]
"""Status, headers and body."""


def estimate(handling: Handling) -> None:
    """Count a request's tokens by its length: whom it could be put to has no way to count them."""
    body = estimated_count(handling.ask)
    if body is None:
        handling.refuse(Fault.UNSUPPORTED, "None of the upstreams counts tokens.")
    else:
        handling.tell(Ending.ANSWERED, ESTIMATED, 200, ((b"content-type", b"application/json"),), body)


def estimated_count(ask: Ask) -> bytes | None:
    """An answer to the question how long a request is: four bytes to a token, None where the dialect asks no such."""
    write = dialect_of(ask.protocol).write_count
    return None if write is None else write(len(ask.body) // 4)


def new_id() -> str:
    """What a request is called from here on: in its answer, the journal, the log and the traces."""
    return "req_" + secrets.token_hex(12)


def id_lines(request_id: str) -> Headers:
    """By what the journal has the request; beside the upstream's own id, which stays."""
    return ((b"x-stillup-id", request_id.encode("ascii")),)


def reason_of(tries: Sequence[Trial], n: int | None, why: str) -> str:
    """The one reason of a request, that goes to header, log and journal alike.

    What the first that was asked failed with, where it is not its answer (try ``n``) that is given; else ``why``.
    """
    fault = None
    if tries and (n is None or n > 0):
        fault = tries[0].fault or (Fault.SLOW_FIRST_TOKEN if tries[0].is_late else None)
    return fault.value if fault else why


def route_lines(tries: Sequence[Trial], n: int | None, reason: str, request_id: str) -> Headers:
    """Law 8: whose answer, or error, it is, after how many tries, why it is not the first choice's, and its id."""
    changes = tries[n].changes if n is not None else ()
    drills = dict.fromkeys(f"{t.turn.target.upstream}={t.drill}" for t in tries if t.drill)
    told = (
        (b"x-stillup-attempts", b"%d" % len(tries)),
        (b"x-stillup-reason", header_value("; ".join((reason, *changes)))),
        *(((b"x-stillup-drill", header_value(", ".join(drills))),) if drills else ()),
        *id_lines(request_id),
    )
    if n is None:
        return told
    turn = tries[n].turn
    return (
        (b"x-stillup-upstream", header_value(turn.target.upstream)),
        (b"x-stillup-model", header_value(turn.model)),
        *told,
    )


def continued_lines(seams: Sequence[str]) -> Headers:
    """Trailers of an answer that went on elsewhere: with whom, and behind how many characters."""
    return ((HEADER.encode(), header_value(", ".join(seams))),) if seams else ()


def refusal(protocol: Protocol, refuse: Refuse, tries: Sequence[Trial], lines: Headers, request_id: str) -> Answer:
    """The error that the client gets: an upstream's where one is to be shown, else one made up in its protocol.

    ``lines`` are those of law 8.
    """
    shown = tries[refuse.n] if refuse.n is not None else None
    if shown is not None and _is_our_key(refuse, shown):
        status, head, body = error_answer(
            protocol,
            Fault.OVERLOADED,
            _hide(_sentence(refuse, tries, _of_our_key(refuse, shown)).encode(), tries).decode(),
            status=503,
            retry_after_s=refuse.retry_after_s,
            request_id=request_id,
        )
        return status, (*head, *lines), body
    if shown is None or refuse.status is None or not _is_in_protocol(shown, protocol):
        says = said(shown.readable()).message if shown and refuse.status else refuse.says
        status, head, body = error_answer(
            protocol,
            refuse.fault,
            _hide(_sentence(refuse, tries, says).encode(), tries).decode(),
            status=refuse.status,
            retry_after_s=refuse.retry_after_s,
            request_id=request_id,
        )
        return status, (*head, *lines), body
    body = shown.readable()
    kept = end_to_end(refuse.headers, decoded=body is not refuse.body)
    head = tuple((name, _hide(value, tries)) for name, value in kept)
    waits = any(name.lower() == b"retry-after" for name, _ in head)
    if not waits and refuse.retry_after_s is not None:
        head = (*head, (b"retry-after", b"%d" % -(-refuse.retry_after_s // 1)))
    return refuse.status, (*head, *lines), _hide(body, tries)


def refusal_in_stream(protocol: Protocol, refuse: Refuse, tries: Sequence[Trial]) -> bytes:
    """The same for a client that was pinged, so that the status went out long ago."""
    fault, says = refuse.fault, refuse.says
    shown = tries[refuse.n] if refuse.n is not None else None
    if shown is not None and _is_our_key(refuse, shown):
        fault, says = Fault.OVERLOADED, _of_our_key(refuse, shown)
    elif shown is not None and refuse.status is not None:
        says = said(shown.readable()).message
    return error_event(protocol, fault, _hide(_sentence(refuse, tries, says).encode(), tries).decode())


def _sentence(refuse: Refuse, tries: Sequence[Trial], says: str) -> str:
    """In the order of the chain: who stands first is whose error it is, whoever was asked first."""
    failed = sorted((t.turn.place, f"{t.turn.name}: {t.fault.says}") for t in tries if t.fault is not None)
    told = "; ".join(dict.fromkeys(words for _, words in failed))
    ours = f"{refuse.end.says.removesuffix('.')} ({told})." if told else refuse.end.says
    return f"{says[:_LONGEST_WORDS]} · {ours}" if says else ours


def _is_our_key(refuse: Refuse, shown: Trial) -> bool:
    """Whether a key of the gateway's was refused or is used up: no client can mend that, and must not change its own.

    Where an upstream was asked without any key, it is for the client to send one.
    """
    if refuse.fault not in (Fault.UNAUTHORIZED, Fault.QUOTA) or shown.is_borrowed:
        return False
    return shown.key.kind is KeyKind.OWN or shown.status is None or shown.turn.target.protocol in _CLOUDS


def _of_our_key(refuse: Refuse, shown: Trial) -> str:
    name = shown.turn.target.upstream
    if refuse.fault is Fault.QUOTA:
        ours = f"The credit or plan of the gateway's own key for {name} is used up."
    else:
        ours = f"{name} refused the gateway's own key for it; no key of the client's was used."
    words = "" if shown.status in (None, 401) else said(shown.readable()).message  # a 401 may repeat parts of the key
    return f"{ours} It says: {words}" if words else ours


def _is_in_protocol(shown: Trial, protocol: Protocol) -> bool:
    """Whether its error is in the client's protocol."""
    if not is_same_dialect(shown.turn.target.protocol, protocol):
        return False
    return shown.turn.target.protocol not in _CLOUDS or b'"type":"error"' in shown.readable()[:64].replace(b" ", b"")


def _hide(data: bytes, tries: Iterable[Trial]) -> bytes:
    """Without the gateway's own keys, should an upstream repeat one."""
    for t in tries:
        if t.key.kind is KeyKind.OWN and t.key.secret is not None:
            secret = t.key.secret.reveal().strip().encode("latin-1", "replace")
            data = data.replace(secret, _HIDDEN) if secret else data
    return data
