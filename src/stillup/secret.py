"""A value that does not show itself."""

from __future__ import annotations


class Secret:
    """A key or token: ``reveal()`` gives it, nothing else does (repr, str, format and pickle do not)."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that must send it."""
        return self._value

    def bearer(self) -> Secret:
        """The same as an ``Authorization`` header has it."""
        return Secret(f"Bearer {self._value}")

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = "a Secret is never pickled"
        raise TypeError(msg)

    def __getstate__(self) -> object:
        msg = "a Secret does not give its state"
        raise TypeError(msg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))
