"""Conversations in the form in which they are stored: half of the work, and none of it needs the vault. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from stillup.gateway.dialects.neutral import Role
from stillup.vault import words
from stillup.vault.codec import HASH_BYTES, name_of, pack, readable, squeezed
from stillup.vault.values import Conversation, Turn

_NAMES = {role: role.value for role in Role}


class Given(Struct, frozen=True, array_like=True, gc=False):
    """An attachment; ``blob`` is what its bytes are filed under."""

    name: str
    media_type: str
    text: str
    blob: bytes | None


class Ready(Struct, array_like=True, gc=False):
    """A turn made ready; ``chain`` is set when it is known what stands before it."""

    name: str
    role: str
    at_s: float | None
    model: str
    parent: str
    stored: bytes
    digest: bytes
    meant: bytes
    words: bytes
    blobs: list[tuple[bytes, bytes]]
    given: list[Given]
    chain: bytes = b""

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return len(self.stored) + len(self.words) + sum(len(data) for _, data in self.blobs)


class Talk(Struct, array_like=True, gc=False):
    """A conversation made ready; as :class:`~stillup.vault.values.Conversation`."""

    origin: str
    id: str
    title: str
    service: str
    where: str
    began_s: float | None
    changed_s: float | None
    turns: list[Ready]

    @property
    def times_s(self) -> list[float]:
        """When its messages were said, as far as that is known."""
        return [turn.at_s for turn in self.turns if turn.at_s is not None]


def made_ready(conversation: Conversation) -> Talk:
    """The same, with its turns as they are stored."""
    return Talk(
        origin=conversation.origin,
        id=readable(conversation.id),
        title=readable(conversation.title),
        service=conversation.service,
        where=readable(conversation.where),
        began_s=conversation.began_s,
        changed_s=conversation.changed_s,
        turns=[_ready(turn) for turn in conversation.turns],
    )


def _ready(turn: Turn) -> Ready:
    packed, blobs = pack(turn.parts)
    given: list[Given] = []
    for attachment in turn.attachments:
        blob = None if attachment.data is None else name_of(attachment.data)
        if blob is not None and attachment.data is not None:
            blobs[blob] = attachment.data
        name, kind, text = readable(attachment.name), readable(attachment.media_type), readable(attachment.text)
        given.append(Given(name, kind, text, blob))
    role = _NAMES[turn.role]
    return Ready(
        name=readable(turn.id),
        role=role,
        at_s=turn.at_s,
        model=readable(turn.model),
        parent=readable(turn.parent),
        stored=squeezed(packed),
        digest=digest_of(packed, role, [(one.name, one.blob) for one in given]),
        meant=words.meaning(turn.parts, turn.attachments),
        words=words.indexed(words.words_of(turn.parts, turn.attachments)),
        blobs=list(blobs.items()),
        given=given,
    )


def digest_of(packed: bytes, role: str, attachments: Sequence[tuple[str, bytes | None]]) -> bytes:
    """The digest of a message as it is kept."""
    digest = blake2b(packed + role.encode(), digest_size=HASH_BYTES)
    for name, blob in attachments:
        digest.update(name.encode() + (blob or b""))
    return digest.digest()
