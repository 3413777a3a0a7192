"""What a request cost, and by what name its model may appear in a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stillup.gateway.core.values import Operation, Protocol, Usage
from stillup.gateway.seen.passage import Ending, Passage

OTHER = "other"
"""The label of every model that is neither in the catalogue nor in the configuration."""

Price = Callable[[str, Usage], float | None]
"""US dollars for so many tokens of a model; None where its price is not known."""

Known = Callable[[str], str | None]
"""The catalogue's id of a model's name; None where it has none."""

_REMEMBERED = 1_000
_BYTES_A_TOKEN = 4
_STREAMED_BYTES_A_TOKEN = {Protocol.ANTHROPIC: 30, Protocol.OPENAI: 200, Protocol.RESPONSES: 200, Protocol.GEMINI: 10}
"""What a token of a stream comes to with everything around it: Anthropic sends several in one event."""
_LONGEST = 200


def unpriced(_model: str, _usage: Usage) -> float | None:
    """Nobody knows."""
    return None


def unknown(_model: str) -> str | None:
    """Nobody knows."""
    return None


def used_by(passage: Passage) -> Usage | None:
    """The tokens that a request took of somebody's budget; None where no upstream had any of it.

    A client may leave before the counts come, and may ask an OpenAI-compatible stream for none at all: what it was sent
    is billed all the same, so that is estimated from the bytes.
    """
    asked = passage.winner
    if asked is None and passage.tries:
        last = passage.tries[-1][1]
        asked = last if last.fault is None else None  # given up by the client, not failed
    if asked is None or passage.operation not in (Operation.GENERATE, Operation.EMBED):
        return passage.usage if passage.winner is not None else None
    usage = asked.usage
    given, made = usage.input_tokens, usage.output_tokens
    if given is None:
        given = passage.body_bytes // _BYTES_A_TOKEN
    if passage.operation is Operation.GENERATE and (made is None or passage.ending is not Ending.ANSWERED):
        each = _STREAMED_BYTES_A_TOKEN.get(passage.protocol, _BYTES_A_TOKEN) if passage.stream else _BYTES_A_TOKEN
        made = max(made or 0, passage.sent_bytes // each)
    return Usage(given, made, usage.cache_read_tokens, usage.cache_write_tokens)


class Labels:
    """Models' names as labels: clients can make names up, and every label of a metric lives for ever.

    ``configured`` are the names that the configuration's chains spell out.
    """

    def __init__(self, known: Known = unknown, configured: Iterable[str] = ()) -> None:
        self._known = known
        self._labels = {name: name for name in configured if name}
        self._settled = len(self._labels)

    def of(self, model: str) -> str:
        """The label of a model."""
        label = self._labels.get(model)
        return self._learn(model) if label is None else label

    def _learn(self, model: str) -> str:
        if not model or len(model) > _LONGEST:
            return OTHER if model else ""
        label = self._known(model) or OTHER
        if len(self._labels) < self._settled + _REMEMBERED:  # beyond that it is looked up each time
            self._labels[model] = label
        return label
