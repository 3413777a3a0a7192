"""How clients are pointed at the gateway: the file is sound and fills in nothing but the address and the token."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from stillup.catalog.clients import Client, client_of, clients, every_client, fill

URL = "http://127.0.0.1:8790"
ALL = list(clients().values())


@pytest.mark.parametrize("client", ALL, ids=lambda c: c.id)
def test_every_client_is_told_something_and_nothing_is_left_to_fill_in(client: Client):
    texts = [
        *client.filled(URL, "t").values(),
        *(fill(t, URL, "t") for t in (*client.steps, *client.notes, *client.args)),
    ]
    texts.append(fill(client.snippet, URL))
    assert client.variables or client.snippet or client.steps
    assert any(URL in text for text in texts) or client.id == "cursor"
    assert not re.search(r"\{\{(url|token)\}\}", "".join(texts))
    assert client.source.startswith("https://")


@pytest.mark.parametrize("client", ALL, ids=lambda c: c.id)
def test_no_key_of_the_users_is_ever_set_without_a_token(client: Client):
    for name in {*client.filled(URL), *every_client().filled(URL)}:
        assert not re.search(r"KEY|AUTH|SECRET|HEADERS", name)


def test_a_token_goes_where_the_client_sends_it_as_its_own():
    assert clients()["claude-code"].filled(URL, "t")["ANTHROPIC_CUSTOM_HEADERS"] == "x-stillup-token: t"
    assert clients()["openai"].filled(URL, "t")["OPENAI_API_KEY"] == "t"


@pytest.mark.parametrize(("id_", "read"), [("codex", tomllib.loads), ("opencode", json.loads)])
def test_a_snippet_is_what_its_file_holds(id_, read):
    assert URL in str(read(fill(clients()[id_].snippet, URL)))


def test_zeds_snippet_fits_into_its_settings():
    assert (
        json.loads("{" + fill(clients()["zed"].snippet, URL) + "}")["language_models"]["openai"]["api_url"]
        == f"{URL}/v1"
    )


def test_continues_own_marks_stay_as_they_are():
    assert "${{ secrets.ANTHROPIC_API_KEY }}" in fill(clients()["continue"].snippet, URL)


def test_a_client_is_known_by_the_program_it_is_started_by():
    claude, codex = client_of("claude"), client_of("codex")
    assert claude is not None
    assert codex is not None
    assert (claude.id, codex.id) == ("claude-code", "codex")
    assert client_of("vim") is None


def test_the_official_python_sdks_read_the_variables_that_are_set(monkeypatch: pytest.MonkeyPatch):
    anthropic, openai = pytest.importorskip("anthropic"), pytest.importorskip("openai")
    genai = pytest.importorskip("google.genai")
    for name, value in every_client().filled(URL).items():
        monkeypatch.setenv(name, value)
    assert str(anthropic.Anthropic(api_key="k").base_url).rstrip("/") == URL
    assert str(openai.OpenAI(api_key="k").base_url).rstrip("/") == f"{URL}/v1"
    assert genai.Client(api_key="k")._api_client._http_options.base_url.rstrip("/") == URL
