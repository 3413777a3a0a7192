"""What a request cost, and by what name its model may appear in a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stillup.gateway.core.values import Usage

OTHER = "other"
"""The label of every model that is neither in the catalogue nor in the configuration."""

Price = Callable[[str, Usage], float | None]
"""US dollars for so many tokens of a model; None where its price is not known."""

Known = Callable[[str], str | None]
"""The catalogue's id of a model's name; None where it has none."""

_REMEMBERED = 1_000
_LONGEST = 200


def unpriced(_model: str, _usage: Usage) -> float | None:
    """Nobody knows."""
    return None


def unknown(_model: str) -> str | None:
    """Nobody knows."""
    return None


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
