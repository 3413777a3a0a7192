"""The files that pages load: style and scripts, from the package itself, kept ready in memory."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from stillup.web.answer import Answer

_KINDS = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
    "png": b"image/png",
    "ico": b"image/x-icon",
    "webmanifest": b"application/manifest+json",
    "woff2": b"font/woff2",
}
_FOR_EVER = b"public, max-age=31536000, immutable"
_AGAIN = b"public, no-cache"


class Static:
    """Every file of ``web/static`` as an answer: with its mark (``?v=``) it may be kept for ever."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, Answer, Answer]] = {}
        for file in sorted((files("stillup.web") / "static").iterdir(), key=lambda f: f.name):
            kind = _KINDS.get(file.name.rpartition(".")[2])
            if kind is None or not file.is_file():
                continue
            content = file.read_bytes()
            mark = sha256(content).hexdigest()[:12].encode()
            self._kept[file.name] = (mark, _answer(content, kind, _FOR_EVER), _answer(content, kind, _AGAIN))

    def find(self, name: str, query: bytes) -> Answer | None:
        """The answer for a file, None where there is none of that name."""
        found = self._kept.get(name)
        if found is None:
            return None
        mark, for_ever, again = found
        return for_ever if query == b"v=" + mark else again


def _answer(content: bytes, kind: bytes, kept: bytes) -> Answer:
    return Answer(content, [(b"content-type", kind), (b"cache-control", kept)])
