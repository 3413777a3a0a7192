"""What the roles of a cluster answer to strangers, and what they take from the bus."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

import stillup.daemon
from stillup.errors import BadDataError
from stillup.gateway.shared import words as of_gateways

OPEN = {"/healthz", "/readyz"}
TOKEN_BEYOND_LOOPBACK = {"/metrics"}


def test_every_path_that_a_role_answers_itself_has_a_rule():
    found = set()
    for folder in ("roles", "cluster"):
        for source in (Path(stillup.daemon.__file__).parent / folder).glob("*.py"):
            texts = [n.value for n in ast.walk(ast.parse(source.read_text())) if isinstance(n, ast.Constant)]
            found |= {t for t in texts if isinstance(t, str) and t.startswith("/") and t[1:].isalpha()}
    assert found == OPEN | TOKEN_BEYOND_LOOPBACK


@pytest.mark.parametrize("kind", [of_gateways.Health, of_gateways.Asked, of_gateways.Spent], ids=lambda k: k.__name__)
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xc1",
        b"\x90" * 5_000,
        b"\xdd\xff\xff\xff\xff",
        msgspec.msgpack.encode({"is": "health", "open": [["u" * 400, None, None, 1, 1.0, 0, None]]}),
        msgspec.msgpack.encode({"is": "asked", "users": {"a": -1}}),
        msgspec.msgpack.encode({"is": "spent", "day": "2026-01-01\n", "users": {"a": float("nan")}}),
        b"\x00" * (1 << 21),
    ],
    ids=lambda v: repr(v[:12]),
)
def test_what_another_replica_could_not_have_said_is_refused_in_words(kind, value):
    with pytest.raises(BadDataError):
        of_gateways.unpack(value, kind)


def test_nothing_is_read_by_a_format_that_runs_what_it_reads():
    root = Path(stillup.daemon.__file__).parents[1]
    for source in root.rglob("*.py"):
        tree = ast.parse(source.read_text())
        names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not {"pickle", "marshal", "shelve", "dill"} & set(names), source
