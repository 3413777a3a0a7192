"""Whom a drill can hit: routes as configured or as the environment has them, whatever providers they name."""

import pytest

from stillup.config import parse_config
from stillup.daemon.drill.layout import layout_of
from stillup.daemon.drill.under_way import UnderWay, abort, running, under_way
from stillup.drill.values import Where
from stillup.errors import UsageError
from stillup.gateway.core.values import Protocol

ODD = """
[[gateway.upstreams]]
id = "bed"
protocol = "bedrock"
region = "eu-central-1"
[[gateway.upstreams]]
id = "vert"
protocol = "vertex"
project = "mine"
[[gateway.upstreams]]
id = "az"
protocol = "openai"
base_url = "https://me.openai.azure.com/openai/v1"
key_env = "AZ"
[[gateway.upstreams]]
id = "here"
protocol = "openai"
base_url = "http://127.0.0.1:11434/v1"
[[gateway.routes]]
match = "claude-opus*"
chain = ["bed", "vert"]
[[gateway.routes]]
match = "claude*"
chain = ["vert", "az/x"]
[[gateway.routes]]
match = "gpt-?.2-*"
chain = ["az"]
[[gateway.routes]]
match = "exact-model"
chain = ["here/whatever"]
[[gateway.routes]]
match = "exact-model"
chain = ["az"]
"""


def test_clouds_are_known_by_protocol_and_address_and_what_is_here_is_local():
    seats = {seat.id: seat for seat in layout_of(parse_config(ODD), {}).seats}
    assert "aws" in seats["bed"].clouds
    assert "gcp" in seats["vert"].clouds
    assert "azure" in seats["az"].clouds
    assert (seats["here"].is_local, seats["bed"].is_local) == (True, False)


def test_each_route_is_asked_by_a_name_that_it_serves_and_none_before_it():
    layout = layout_of(parse_config(ODD), {})
    names = {model for _, model in layout.models(frozenset({"bed", "vert", "az", "here"}))}
    assert len(names) == 4
    assert "exact-model" in names
    for name in names - {"exact-model"}:
        assert name.startswith(("claude", "gpt-"))
    assert {m for _, m in layout.models(frozenset({"here"}))} == {"exact-model"}
    assert layout.first == "bed"


def test_without_any_key_a_pair_is_made_up_and_with_one_it_is_not():
    assert layout_of(parse_config(""), {}).made_up
    layout = layout_of(parse_config(""), {"ANTHROPIC_API_KEY": "a-real-secret", "OPENAI_API_KEY": "another"})
    assert not layout.made_up
    assert all(k.spec.key is None or "secret" not in k.spec.key.reveal() for k in layout.plan.known)
    assert {p for p, _ in layout.models(frozenset(s.id for s in layout.seats))} >= {Protocol.ANTHROPIC, Protocol.OPENAI}


def told(id_="20261127T060000-abcd"):
    from datetime import UTC, datetime

    return UnderWay(id=id_, since=datetime(2026, 11, 27, 6, tzinfo=UTC), where=Where.MIRROR, says="a: 529")


def test_a_drill_is_under_way_while_its_process_lives_and_no_longer(tmp_path):
    assert under_way(tmp_path / "drills") is None
    with running(tmp_path / "drills", told()):
        assert under_way(tmp_path / "drills") == told()
    assert under_way(tmp_path / "drills") is None
    (tmp_path / "drills" / "running").write_bytes(
        b'{"id": "x", "since": "2026-11-27T06:00:00Z", "where": "mirror", "says": ""}'
    )
    assert under_way(tmp_path / "drills") is None  # nobody holds the lock: it died without a word
    assert abort(tmp_path / "drills") is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000, b"x" * 100_000])
def test_what_is_no_word_of_a_drill_is_none(tmp_path, body):
    with running(tmp_path / "drills", told()):
        (tmp_path / "drills" / "running").write_bytes(body)
        assert under_way(tmp_path / "drills") is None


def test_an_abort_of_an_earlier_drill_is_none_of_the_next(tmp_path):
    (tmp_path / "drills").mkdir(mode=0o700)
    (tmp_path / "drills" / "abort").write_text("20250101T000000-0000")
    with running(tmp_path / "drills", told()):
        assert not (tmp_path / "drills" / "abort").exists()
        with pytest.raises(UsageError, match="under way already"), running(tmp_path / "drills", told()):
            pass
