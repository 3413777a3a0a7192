"""How each provider speaks when it refuses or fails; ``errors.toml`` has the facts and says what each field is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.sim.provider.behaviour import Reason
from stillup.sim.provider.call import Call, Dialect, What

_MAKERS = {
    Dialect.ANTHROPIC: "anthropic",
    Dialect.CHAT: "openai",
    Dialect.RESPONSES: "openai",
    Dialect.GEMINI: "gemini",
    Dialect.DEEPL: "deepl",
    Dialect.OLLAMA: "ollama",
    Dialect.LLAMACPP: "llamacpp",
    Dialect.CONVERSE: "bedrock",
}

_ANYONES = frozenset({What.MODELS, What.MODEL, What.NOTHING})


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """What one kind of error says."""

    text: str
    kind: str = ""
    code: str | None = None
    param: str | None = None


class Voice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One vendor's way of speaking."""

    vendor: str
    services: tuple[str, ...] = ()
    protocols: tuple[Dialect, ...]
    shape: str
    like: str = ""
    instead: Mapping[str, int] = {}
    no_key: int = 401
    request_id: str = ""
    limits: str = "none"
    ping: str = ""
    has_done: bool = True
    models: tuple[str, ...] = ("simulated-1",)
    words: Mapping[str, Words] = {}

    def says(self, status: int, reason: Reason) -> Words:
        """Its words for an error; a reason goes before a status, its own words before those of whom it is like."""
        other = voices().get(self.like)
        tables = [self.words] if other is None else [self.words, other.words]
        keys = [] if reason in (Reason.PLAIN, Reason.EDGE) else [reason.value]
        for key in (*keys, str(status), "other"):
            for table in tables:
                if key in table:
                    return table[key]
        return Words(text=f"Error {status}", kind="error")

    def status(self, status: int, reason: Reason) -> int:
        """The status it answers with, where ``status`` or the reason's is none of its own."""
        return self.instead.get(reason.value) or self.instead.get(str(status)) or status


class _Voices(Struct, frozen=True, forbid_unknown_fields=True):
    voices: tuple[Voice, ...]


@cache
def voices() -> Mapping[str, Voice]:
    """All voices by vendor."""
    text = (files("stillup.sim.provider") / "errors.toml").read_text("utf-8")
    return {voice.vendor: voice for voice in msgspec.toml.decode(text, type=_Voices).voices}


@cache
def vendor_of(name: str) -> str:
    """The vendor of that name, or the one whose API a service of the catalogue is; empty when there is none."""
    if name in voices():
        return name
    return next((voice.vendor for voice in voices().values() if name in voice.services), "")


def voice_of(dialect: Dialect, vendor: str = "", *, is_bedrock: bool = False) -> Voice:
    """Who speaks in a protocol at a vendor's API; the protocol's maker where the vendor has no way of its own."""
    voice = voices().get("bedrock" if is_bedrock else vendor)
    if voice is not None and dialect in voice.protocols and (voice.vendor != "bedrock" or is_bedrock):
        return voice
    return voices()[_MAKERS[dialect]]


def at_home(call: Call, vendor: str) -> Call:
    """A call whose address does not say in which protocol it is meant: the vendor takes it for one of its own."""
    voice = voices().get(vendor)
    if voice is None or call.what not in _ANYONES or call.dialect is not Dialect.CHAT or vendor == "bedrock":
        return call
    return call if Dialect.CHAT in voice.protocols else replace(call, dialect=voice.protocols[0])


def voice_for(call: Call, vendor: str = "") -> Voice:
    """Who answers a call."""
    return voice_of(call.dialect, vendor, is_bedrock=call.is_bedrock)
