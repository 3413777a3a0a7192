"""Stay or switch, from a database, a journal, a toolkit and a vault."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.daemon.sla.switch import compare
from stillup.errors import UsageError
from stillup.gateway.core.values import Ask, Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.dialects.neutral import Role, Text
from stillup.gateway.journal import Journal, Settings
from stillup.model.service import Capability
from stillup.risk.switch import Advice
from stillup.risk.switch_words import sections
from stillup.risk.values import Basis
from stillup.store import open_store
from stillup.vault.store import open_vault
from stillup.vault.values import Conversation, Turn
from tests.daemon.sla_world import fill

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
CLAUDE = catalogue()["claude"]
NOWHERE = dict.fromkeys(
    ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "LLAMACPP_BASE_URL", "VLLM_BASE_URL", "STILLUP_OFFLINE_URL"),
    "http://127.0.0.1:9",
)


@pytest.fixture
def told(tmp_path):
    """What is said of Claude; whatever the folder ``tmp_path`` has is known."""

    def ask(service=CLAUDE, **rest):
        config = parse_config(f'data = "{tmp_path}"\nservices = ["claude", "chatgpt"]')
        return compare(config, NOWHERE, service, NOW, **rest)

    return ask


def put(folder, answers):
    """A journal in which so many answers of 2,000 tokens came from Claude, each with 8,000 more from a cache."""
    at_s = NOW.timestamp() - 86_400
    journal = Journal.open(folder, at_s, Settings(), lambda _: None)
    usage = Usage(1_000, 1_000, 8_000, 0)
    for number in range(answers):
        ask = Ask(
            protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE, method="POST", path="/v1/messages",
            model="claude-opus-5-5",
        )  # fmt: skip
        entry = journal.begin(ask, f"r{number}", at_s)
        target = Target("first", "", Protocol.ANTHROPIC)
        tried = Try(target=target, model="claude-opus-5-5", operation=Operation.GENERATE, ok=True, usage=usage)
        journal.tried(entry, 1, tried, at_s)
        journal.ended(entry, "ok", at_s)
    journal.commit(at_s)
    journal.close(at_s + 10)


def conversation(text):
    turns = (Turn(id=text, role=Role.USER, parts=(Text(text=text),), at_s=NOW.timestamp()),)
    return Conversation(origin="claude", id=text, turns=turns, service="claude", title=text)


def words(comparison):
    return "\n".join(f"{title}\n" + "\n".join(line.says for line in lines) for title, lines in sections(comparison))


def test_with_nothing_seen_the_shipped_records_carry_a_backup_and_no_switch(told):
    found = told()
    assert found.alone.basis is Basis.SHIPPED
    assert found.advice is Advice.ADD_BACKUP
    assert found.choice is not None
    assert (found.incident, found.lengths) == (None, None)
    assert any("No confirmed incident" in w for w in found.unknown)


def test_a_backup_that_was_chosen_is_taken_into_account(told, tmp_path):
    (tmp_path / "toolkit.json").write_text(json.dumps({"tasks": {"chat": [{"service": "chatgpt"}]}}))
    found = told()
    assert found.advice is Advice.STAY
    assert [r.candidate.id for r in found.rivals if r.is_backup] == ["chatgpt"]


def test_an_incident_stands_beside_those_seen_before(told, tmp_path):
    with open_store(tmp_path / "stillup.db") as store:
        outages = {n * 1440: 10 * n for n in range(1, 8)}
        fill(store, NOW - timedelta(days=9), 9, outages, every=30)
    found = told(incident="claude-6")
    assert found.incident == "claude-6"
    assert found.lengths.this_s == 72 * 60
    assert found.lengths.longer_than == 1.0
    assert told().incident == "claude-6"
    with pytest.raises(UsageError, match="no incident of Claude"):
        told(incident="chatgpt-1")


def test_costs_are_those_of_the_tokens_that_went_through(told, tmp_path):
    put(tmp_path / "journal", 10)
    found = told()
    costs = {r.candidate.id: r.cost for r in found.rivals if r.cost is not None}
    assert costs["chatgpt"].usd_a_year > costs["chatgpt"].usd_standing_in > 0
    assert costs["chatgpt"].usd_a_year_now is not None
    assert any(w.startswith("Caches: 89 % of the input") for w in found.stays_behind)
    assert "USD a year for all of it" in words(found)


def test_conversations_that_would_move_are_counted(told, tmp_path):
    with open_vault(tmp_path / "vault.db") as vault:
        vault.put([conversation("one"), conversation("two")], NOW.timestamp())
    assert told().moves[0].startswith("2 conversations in the vault")


def test_what_it_is_needed_for_decides_who_could_do_it(told):
    names = {r.candidate.id for r in told(task=Capability.CODING).rivals}
    assert "copilot" in names
    assert "deepl" not in names
    with pytest.raises(UsageError, match="does nothing of image"):
        told(task=Capability.IMAGE)
    with pytest.raises(UsageError, match="does nothing"):
        told(service=catalogue()["cloudflare"])
