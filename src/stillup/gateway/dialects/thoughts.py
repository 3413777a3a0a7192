"""Claude's signed thoughts taken out of a conversation that goes to another of its models.

The newest ones bind a thought to the model and to the exact prompt that made it, and refuse it anywhere else.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.editing import Edited
from stillup.gateway.dialects.lenient import UNREADABLE

_WORDS = (b'"thinking"', b'"redacted_thinking"')
_list = msgspec.json.Decoder(list[Raw]).decode
_table = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.encode


class _Kind(msgspec.Struct):
    type: str = ""
    role: str = ""


_kind = msgspec.json.Decoder(_Kind).decode


def drop_thoughts(edited: Edited) -> None:
    """Take every thought out of the assistant's messages, and a message that was nothing else.

    The rest stays as it is written. A body of another shape stays as it is: its upstream says what is wrong with it.
    """
    raw = edited.raw("messages")
    if not any(word in raw for word in _WORDS):
        return
    try:
        messages = _list(raw)
        kept = [m for m in map(_without, messages) if m is not None]
    except UNREADABLE:
        return
    if kept and any(one is not other for one, other in zip(kept, messages, strict=False)):
        edited.put_raw(_encode(kept), "messages")
        edited.note("earlier thoughts left out")


def _without(message: Raw) -> Raw | None:
    """The very same where there is no thought in it; None where there is nothing else."""
    if not any(word in bytes(message) for word in _WORDS) or _kind(message).role != "assistant":
        return message
    members = _table(message)
    content = members.get("content", Raw(b""))
    if not bytes(content).lstrip().startswith(b"["):
        return message
    parts = _list(content)
    kept = [part for part in parts if _kind(part).type not in {"thinking", "redacted_thinking"}]
    if len(kept) == len(parts):
        return message
    return Raw(_encode({**members, "content": kept})) if kept else None
