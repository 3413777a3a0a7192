"""Conversations for tests, and a vault in a folder."""

from __future__ import annotations

from stillup.gateway.dialects.neutral import Role, Text
from stillup.vault.values import Conversation, Read, Turn

NOW_S = 1_760_000_000.0


def turn(name, text, role=Role.USER, **more):
    return Turn(id=name, role=role, parts=(Text(text=text),), **more)


def talk(*texts, id="1", origin="test", ids="m{}", **more):  # noqa: A002
    """What is said in turn, the user first."""
    roles = (Role.USER, Role.ASSISTANT)
    turns = tuple(turn(ids.format(n), text, roles[n % 2], at_s=NOW_S + n) for n, text in enumerate(texts))
    return Conversation(origin=origin, id=id, turns=turns, **more)


def texts_of(conversation):
    return ["".join(p.text for p in t.parts if isinstance(p, Text)) for t in conversation.turns]


class Given:
    """An importer that reads what it was given, from the mark on."""

    def __init__(self, *what, name="test"):
        self.name = name
        self.what = what
        self.marks = []

    def recognises(self, source):
        return True

    def read(self, source, mark=""):
        self.marks.append(mark)
        for n, one in list(enumerate(self.what))[int(mark or 0) :]:
            yield Read(what=one, mark=str(n + 1), done_bytes=n + 1)
