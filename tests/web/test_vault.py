"""The vault's pages: behind the token, harmless, and plain about what is missing."""

from __future__ import annotations

import pytest

from stillup.errors import StoreError
from stillup.gateway.dialects.neutral import Call, Result, Role, Text, Thought
from stillup.secret import Secret
from stillup.vault.store import open_vault
from stillup.vault.values import Attachment, Conversation, Turn
from stillup.web.vault_words import day, marked

TOKEN = Secret("a-token-of-the-page")
KNOWN = {"authorization": f"Bearer {TOKEN.reveal()}"}
EVIL = "<script>alert(1)</script> [x](javascript:alert(1)) & walrus"
PARTS = (
    Thought(text="<b>hm</b>"),
    Text(text=f"**bold** {EVIL}"),
    Call(id="1", name="<i>tool", arguments='{"a":"<u>"}'),
    Result(id="1", parts=(Text(text="<em>given</em>"),)),
)


@pytest.fixture
def path(tmp_path):
    turns = (
        Turn(id="1", role=Role.USER, parts=(Text(text="find the walrus"),), at_s=1.7e9),
        Turn(id="2", role=Role.ASSISTANT, parts=PARTS, model="m<1>", attachments=(Attachment(name="<a>.pdf"),)),
    )
    talks = [Conversation(origin="o<b>", id="1", turns=turns, title="<i>Title</i>", where="<u>", began_s=1.7e9)]
    talks += [
        Conversation(origin="many", id=f"{n}", turns=(Turn(id="1", role=Role.USER, parts=(Text(text=f"word {n}"),)),))
        for n in range(60)
    ]
    with open_vault(tmp_path / "vault.db") as vault:
        vault.put(talks, 1.6e9)
    return tmp_path / "vault.db"


@pytest.fixture
def page(opened, path):
    client = opened(vault=lambda: open_vault(path), token=TOKEN)
    return lambda where, code=200: _got(client.get(where, headers=KNOWN), code)


def _got(answer, code):
    assert answer.status_code == code
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def test_nobody_comes_in_without_the_token(opened, path):
    client = opened(vault=lambda: open_vault(path), token=TOKEN)
    for where in ("/vault", "/vault?q=walrus", "/vault/abc", "/vault/abc/brief"):
        answer = client.get(where, headers={"accept": "text/html"})
        assert answer.status_code == 401
        assert "walrus" not in answer.text


def test_without_a_token_at_all_nobody_comes_in(opened, path):
    assert opened(vault=lambda: open_vault(path)).get("/vault").status_code == 401


def test_the_list_is_in_pages(page):
    first, last = page("/vault"), page("/vault?page=3")
    assert first.count("<h2>") == 25
    assert last.count("<h2>") == 11
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
    assert "Nothing is kept" in page("/vault?page=99")


def test_a_search_marks_what_it_found_and_shows_nothing_as_html(page):
    text = page("/vault?q=walrus")
    assert "<mark>walrus</mark>" in text
    assert "1 conversation<" in text
    for evil in ("<script>alert", "<i>Title", "o<b>"):
        assert evil not in text


def test_what_is_looked_for_comes_back_harmless(page):
    text = page("/vault?q=%22%3E%3Cscript%3Ealert(2)%3C/script%3E")
    assert "<script>alert" not in text
    assert "no word" in page("/vault?q=-only")


def test_a_conversation_is_shown_whole_and_harmless(page):
    key = page("/vault?q=walrus").partition('href="/vault/')[2].partition('"')[0]
    text = page(f"/vault/{key}")
    assert "<strong>bold</strong>" in text
    for words in ("find the walrus", "Thought", "What came back", "Attached", "2023-11-14"):
        assert words in text, words
    for evil in ("<script>alert", "<b>hm", "<i>tool", "<em>given", "<a>.pdf", "m<1>", 'href="javascript:'):
        assert evil not in text, evil
    assert "find the walrus" in page(f"/vault/{key}/brief")


def test_a_conversation_that_is_not_there_is_not_found(opened, path):
    client = opened(vault=lambda: open_vault(path), token=TOKEN)
    for where in ("/vault/zzzz", "/vault/zzzz/brief", "/vault/%22'--"):
        assert client.get(where, headers=KNOWN).status_code == 404


def test_a_vault_that_cannot_be_opened_is_said_so(opened):
    def closed():
        raise StoreError("the vault is encrypted, and no passphrase was given")

    answer = opened(vault=closed, token=TOKEN).get("/vault", headers=KNOWN)
    assert answer.status_code == 200
    assert "no passphrase was given" in answer.text


def test_only_a_page_that_has_a_vault_leads_to_it(opened, path):
    assert 'href="/vault"' in opened(vault=lambda: open_vault(path), token=TOKEN).get("/").text
    assert 'href="/vault"' not in opened().get("/").text


def test_marks_cut_a_text_and_a_day_that_cannot_be_is_none():
    assert marked("a walrus", [(2, 8)]) == (("a ", False), ("walrus", True))
    assert [day(None), day(9e99), day(0.0)] == ["", "", "1970-01-01"]


def test_a_message_of_megabytes_is_shown_in_part(opened, tmp_path):
    turn = Turn(id="1", role=Role.USER, parts=(Text(text="long " * 400_000),))
    with open_vault(tmp_path / "vault.db") as vault:
        vault.put([Conversation(origin="o", id="1", turns=(turn,))], 1.6e9)
    client = opened(vault=lambda: open_vault(tmp_path / "vault.db"), token=TOKEN)
    answer = client.get("/vault/1", headers=KNOWN)
    assert "2,000,000 characters" in answer.text
    assert len(answer.text) < 400_000
