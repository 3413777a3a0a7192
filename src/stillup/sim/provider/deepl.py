"""DeepL's translation, usage and languages."""

from __future__ import annotations

from typing import Any

import msgspec

from stillup.sim.provider.answer import Answer

_CHARACTERS = 500_000
_LANGUAGES = {"BG": "Bulgarian", "DE": "German", "EN-GB": "English (British)", "FR": "French", "JA": "Japanese"}
_FORMAL = frozenset({"DE", "FR", "JA"})


def whole(answer: Answer, body: dict[str, Any]) -> bytes:
    """A translation for each text that was given."""
    given = body.get("text")
    texts = given if isinstance(given, list) else [given]
    row = {"detected_source_language": "EN", "text": answer.text.rstrip()}
    return msgspec.json.encode({"translations": [row] * len(texts)})


def about(path: str, left: float) -> object:
    """How much of the allowance is used, ``left`` of it being left; or the languages it translates into."""
    if path.endswith("/usage"):
        return {"character_count": round(_CHARACTERS * (1 - left)), "character_limit": _CHARACTERS}
    return [{"language": k, "name": v, "supports_formality": k in _FORMAL} for k, v in _LANGUAGES.items()]
