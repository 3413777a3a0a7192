"""What all dialects share: an upstream, the key for it, a request ready to send, a watch on the answer."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Headers, Protocol, Usage
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.gateway.dialects.dialect import Writer

CONTENT = 1
"""Flag: content was seen, so the try may be committed to (law 4)."""
END = 2
"""Flag: the protocol's end marker was seen. Bytes may still follow it."""
ERROR = 4
"""Flag: the answer failed inside its body; ``Watch.fault`` says how."""

HELD = 8
"""Flag: content came that is held back for now (half a call, an answer that must be whole)."""

MAX_HELD_BYTES = 16 * 1024 * 1024
"""An event that is longer than this is no event of an honest upstream."""
MAX_WHOLE_BYTES = 64 * 1024 * 1024
"""An answer that is not streamed is held up to this size."""

CLAUDES = (Protocol.ANTHROPIC, Protocol.BEDROCK, Protocol.VERTEX)
"""Claude's own protocol, and the clouds' envelopes around it."""
DEFAULT_BASES = {
    Protocol.ANTHROPIC: "https://api.anthropic.com",
    Protocol.OPENAI: "https://api.openai.com/v1",
    Protocol.RESPONSES: "https://api.openai.com/v1",
    Protocol.GEMINI: "https://generativelanguage.googleapis.com",
}
"""Where each protocol is served by those who made it. Bedrock and Vertex have a region in theirs."""


class UpstreamSpec(Struct, frozen=True, kw_only=True):
    """One upstream as configured.

    ``base_url`` is what that protocol's official SDK takes; empty means the maker's own. ``region`` and ``project``
    matter to Bedrock and Vertex only.
    """

    id: str
    protocol: Protocol
    base_url: str = ""
    key: Secret | None = None
    pass_credentials: bool = False
    service: str = ""
    component: str = ""
    region: str = ""
    project: str = ""


class KeyKind(StrEnum):
    """Whose key a try uses."""

    __hash__ = str.__hash__

    OWN = "own"
    """The one configured for the upstream."""
    CLIENT = "client"
    """The one the client sent."""
    NONE = "none"


class KeyChoice(Struct, frozen=True, kw_only=True):
    """Law 10, decided: which key goes to an upstream, and in which form.

    ``bearer`` sends it as ``Authorization: Bearer``, where the protocol would have another header. ``subscription``
    marks a Claude subscription's token: no hedge, no continuation, no other upstream.
    """

    kind: KeyKind = KeyKind.NONE
    secret: Secret | None = None
    bearer: bool = False
    subscription: bool = False

    @property
    def fingerprint(self) -> str:
        """Tells keys apart without telling the key: empty without one, ``own``, or a short hash of the client's."""
        if self.secret is None:
            return ""
        if self.kind is KeyKind.OWN:
            return "own"
        return hashlib.blake2b(self.secret.reveal().encode(), digest_size=8).hexdigest()


class Outgoing(Struct, frozen=True, kw_only=True):
    """A request ready to be sent. Host and Content-Length are the sender's to add.

    ``origin`` is scheme, host and port, as in ``https://api.anthropic.com``; ``target`` is path and query.
    """

    method: str
    origin: str
    target: str
    headers: Headers
    body: bytes = b""


class Refusal(Struct, frozen=True, kw_only=True):
    """An answer of our own to a request that no upstream need see, in the client's protocol."""

    status: int
    headers: Headers
    body: bytes


class Watch(ABC):
    """Reads one upstream's answer as it comes. One per try; feed it until it ends, then finish it.

    ``fault``, ``error_event`` (the raw bytes of it) and ``error_message`` (the upstream's own words, which may repeat
    the prompt: for the client, never for a log) are set together with the ERROR flag. ``usage``, ``model`` and
    ``stop_reason`` are what the upstream has said so far.
    """

    reads_coded = False
    """The body is fed with its content coding still on it."""
    decodes = False
    """What is handed out has no content coding any more."""
    content_type = b""
    """What is handed out where that is not what came."""
    is_stream = True
    """What is handed out is a stream of events, though it may be handed out all at once."""
    writer: Writer | None = None
    """What writes all that is handed out; None where it is what came."""
    __slots__ = ("error_event", "error_message", "fault", "flags", "model", "stop_reason", "usage")

    def __init__(self) -> None:
        self.flags = 0
        self.fault: Fault | None = None
        self.error_event = b""
        self.error_message = ""
        self.usage = Usage()
        self.model = ""
        self.stop_reason = ""

    @abstractmethod
    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        """Take what came: all flags so far, and the bytes that may go to the client now.

        These are whole events only, so that the client always stands between two events. Put together they are what
        the upstream sent, up to the event that failed. After ERROR nothing more is ready.
        """

    @abstractmethod
    def finish(self) -> tuple[Fault | None, bytes]:
        """The body ended cleanly: what is wrong with it, and the last bytes for the client.

        No fault means that the end marker was seen. Otherwise it is what broke the answer, EMPTY or CUT.
        """

    @abstractmethod
    def error_ending(self, fault: Fault, message: str) -> bytes:
        """Bytes that end the answer where the client stands, with an error its SDK raises as retryable."""

    def _fail(self, fault: Fault, event: bytes = b"", message: str = "") -> None:
        self.fault = fault
        self.error_event = event
        self.error_message = message
        self.flags |= ERROR


class Wrapping(Watch):
    """A watch around another, of which it tells what it says and what kind it is."""

    __slots__ = ("_inner", "content_type", "decodes", "is_stream", "writer")

    def __init__(self, inner: Watch) -> None:
        super().__init__()
        self._inner = inner
        self.content_type, self.writer = inner.content_type, inner.writer
        self.decodes, self.is_stream = inner.decodes, inner.is_stream

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return self._inner.error_ending(fault, message)

    def _copy(self) -> None:
        inner = self._inner
        self.fault, self.error_event, self.error_message = inner.fault, inner.error_event, inner.error_message
        self.usage, self.model, self.stop_reason = inner.usage, inner.model, inner.stop_reason
