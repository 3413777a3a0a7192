"""The chat page before a real gateway and scripted providers: sent, streamed, stopped, failed, shown harmless."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from stillup.gateway.choices import Choice, Hop
from stillup.gateway.core.values import Protocol
from stillup.secret import Secret
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.web.chat_answer import _note, address_of, offered
from stillup.web.chat_wire import Heard, asking, heard
from stillup.web.chat_words import MAX_BODY_BYTES, MAX_IMAGE_BYTES, MAX_TEXT_BYTES, Talk, Turn, Upload
from tests.web import talking
from tests.web.talking import OPUS, PNG, TOKEN, file, only, talk_of, text_of

PDF = b"%PDF-1.7\n" + b"\0" * 40
PROMPT = "tell-me-the-colour-of-secret-things"
PROTOCOLS = ("anthropic", "openai", "gemini")


# -- the conversation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_streams_in_whatever_the_chains_first_upstream_speaks(protocol, tmp_path, page_of):
    with talking.Talking(tmp_path, protocol) as world:
        told = page_of(world.url).send("hello")
        kinds = [kind for kind, _ in told]
        assert kinds[0] == "about"
        assert kinds.count("text") > 1
        assert kinds[-2:] == ["html", "over"]
        assert text_of(told).startswith("A0 A1 ")
        assert only(told, "about")["upstream"] == "first"
        assert only(told, "about")["model"] == OPUS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_whole_conversation_goes_along(protocol, tmp_path, page_of):
    with talking.Talking(tmp_path, protocol) as world:
        page_of(world.url).send("my name is Ann", "Hello Ann", "what is my name?")
        sent = json.dumps(world.asked())
        assert [sent.index(each) for each in ("my name is Ann", "Hello Ann", "what is my name?")] == sorted(
            sent.index(each) for each in ("my name is Ann", "Hello Ann", "what is my name?")
        )
        assert ('"model"' if protocol == "gemini" else '"assistant"') in sent


def test_every_exchange_is_in_the_gateways_journal(page, talk, tmp_path):
    told = page.send(PROMPT)
    talk.do(talk.gateway.outbox.flush)
    kept = b"".join(f.read_bytes() for f in (tmp_path / "journal").rglob("*") if f.is_file())
    assert only(told, "about")["id"].encode() in kept


def test_when_the_first_fails_the_next_answers_and_the_page_says_why(page, talk):
    talk.do(talk.a.set, Behaviour(failure=Failure.STATUS, status=529))
    told = page.send("hello")
    assert text_of(told).startswith("B0 ")
    about = only(told, "about")
    assert (about["upstream"], about["model"]) == ("second", "claude-opus-5")
    assert about["note"] == "first was asked first: it was overloaded"


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("first_choice", ""),
        ("overloaded", "first was asked first: it was overloaded"),
        (
            "overloaded; top_k left out; seed left out",
            "first was asked first: it was overloaded. Sent with: top_k left out, seed left out",
        ),
        ("first_choice; thinking off", "Sent with: thinking off"),
        ("odd_reason; thinking off", "first: odd reason. Sent with: thinking off"),
    ],
)
def test_the_page_says_why_another_answers_and_what_was_changed_for_it(reason, says):
    hop = Hop(upstream="first", model="m", says="")
    assert _note(reason, Choice(model="m", protocol=Protocol.OPENAI, chain=(hop,))) == says


def test_the_models_are_those_of_the_gateways_chain(page):
    answer, body = page.ask("GET", "/chat/models")
    found = json.loads(body)["choices"]
    assert answer.status == 200
    assert [c["model"] for c in found] == [OPUS, "small-talk"]
    assert [hop["upstream"] for hop in found[0]["chain"]] == ["first", "second"]
    _, shown = page.ask("GET", "/chat")
    assert '<option value="claude-opus-5-5" data-chain="first, then second">Claude Opus 5.5' in shown


def test_two_messages_in_a_row_are_one(page, talk):
    """After an answer that never came the next message follows the last."""
    turns = [{"role": "user", "text": "one"}, {"role": "assistant", "text": ""}, {"role": "user", "text": "two"}]
    page.json("/chat/send", {"model": OPUS, "turns": turns})
    (message,) = talk.asked()["messages"]
    assert [part["text"] for part in message["content"]] == ["one", "two"]


def test_stopping_ends_the_providers_work(page, talk):
    talk.do(talk.a.set, Behaviour(failure=Failure.STALL, after=3))
    answer, connection = page.open(
        "POST", "/chat/send", json.dumps(talk_of("hello")), {"content-type": "application/json"}
    )
    seen = b""
    while b"A2" not in seen:
        line = answer.readline()
        assert line, f"the answer ended: {seen.decode()}"
        seen += line
    answer.close()
    connection.close()
    talk.do(talk.a.until, lambda server: server.counts.gone == 1)


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_an_error_before_the_first_word_is_said_with_what_to_do(page, talk):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=Failure.STATUS, status=529))
    told = page.send("hello")
    assert [kind for kind, _ in told] == ["trouble"]
    trouble = told[0][1]
    assert "overloaded" in trouble["says"].lower()
    assert "Try again" in trouble["todo"]
    assert "Your message is still here." in trouble["todo"]


def test_a_key_that_is_refused_is_named(page, talk):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=Failure.STATUS, status=401))
    trouble = only(page.send("hello"), "trouble")
    assert "first refused the gateway's own key" in trouble["says"]
    assert "stillup gateway plan" in trouble["todo"]
    assert talking.KEYS["A_KEY"] not in json.dumps(trouble)


def test_a_message_that_is_too_long_for_every_model_says_to_shorten_it(page, talk):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=Failure.STATUS, status=400, reason=Reason.CONTEXT))
    assert "shorten it" in only(page.send("hello"), "trouble")["todo"]


@pytest.mark.parametrize("failure", [Failure.ERROR_EVENT, Failure.CUT, Failure.CUT_RESET, Failure.ENDS_EARLY])
def test_an_answer_that_breaks_keeps_what_came_and_says_so(failure, page, talk):
    for server in (talk.a, talk.b):
        talk.do(server.set, Behaviour(failure=failure, after=3))
    told = page.send("hello")
    assert text_of(told).startswith("A0 A1 ")
    assert told[-1][0] == "trouble"
    assert told[-2][0] == "html"
    assert "Try again" in told[-1][1]["todo"]


def test_without_a_gateway_the_page_says_what_to_start(page_of):
    page = page_of(None)
    _, shown = page.ask("GET", "/chat")
    assert "No gateway runs here" in shown
    assert "ANTHROPIC_API_KEY" in shown
    status, body = page.json("/chat/send", talk_of("hello"))
    assert (status, json.loads(body)["says"]) == (503, "No gateway runs here, so there is nobody to talk to.")


def test_a_gateway_that_is_gone_is_said_to_be(page_of):
    page = page_of("http://127.0.0.1:9")
    assert "No gateway answers at http://127.0.0.1:9" in page.ask("GET", "/chat")[1]
    assert page.json("/chat/send", talk_of("hello"))[0] == 503


@pytest.mark.parametrize(
    ("gateway", "asked"),
    [
        ("http://0.0.0.0:8790", "http://127.0.0.1:8790/v1/x"),
        ("http://[::]:8790", "http://[::1]:8790/v1/x"),
        ("https://ai.example.org", "https://ai.example.org/v1/x"),
        ("http://gateway:8790/prefix", "http://gateway:8790/prefix/v1/x"),
    ],
)
def test_a_gateway_elsewhere_is_asked_at_its_own_address(site_of, gateway, asked):
    assert address_of(site_of(gateway=gateway), "/v1/x") == asked


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_gateway_elsewhere_that_sends_on_to_another_address_is_not_followed_there(site_of, status):
    """Its token would go along."""
    met = {"gateway": b"", "other": b""}

    def listening(name, answer):
        async def serve(reader, writer):
            met[name] += await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        return asyncio.start_server(serve, "127.0.0.1", 0)

    def port(server):
        return server.sockets[0].getsockname()[1]

    async with await listening("other", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as other:
        moved = b"HTTP/1.1 %d Moved\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n"
        async with await listening("gateway", moved % (status, port(other))) as gateway:
            token = Secret("dummy-token")
            told = await offered(site_of(gateway=f"http://127.0.0.1:{port(gateway)}", gateway_token=token))
    assert "is no gateway of this version" in told.says
    assert b"dummy-token" in met["gateway"]
    assert met["other"] == b""


def test_without_any_key_the_page_lists_what_to_set(tmp_path, page_of):
    with talking.Talking(tmp_path, text='[gateway]\nlisten = "127.0.0.1:0"', keys={}) as world:
        shown = page_of(world.url).ask("GET", "/chat")[1]
    assert "No upstream of the gateway can be asked from here." in shown
    assert "set ANTHROPIC_API_KEY" in shown
    assert "disabled" in shown


def test_a_gateway_with_users_is_entered_with_a_token_of_one(tmp_path, page_of):
    more = '[[gateway.users]]\nid = "ann"\ntoken_env = "ANN"'
    with talking.Talking(tmp_path, more=more) as world:
        shown = page_of(world.url).ask("GET", "/chat")[1]
        assert "lets only its users in" in shown
        assert "STILLUP_TOKEN" in shown
        let_in = page_of(world.url, gateway_token=Secret(talking.KEYS["ANN"]))
        assert text_of(let_in.send("hello")).startswith("A0 ")


def test_another_program_at_that_address_is_not_taken_for_a_gateway(served, page_of):
    assert "is no gateway of this version" in page_of(served).ask("GET", "/chat")[1]


# -- who may come in --------------------------------------------------------------------------------------------------

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/chat"), ("GET", "/chat/models"), ("POST", "/chat/send"),
                                              ("POST", "/chat"), ("POST", "/chat/render")])  # fmt: skip
def test_nobody_comes_in_without_the_token(method, path, page, talk):
    body = json.dumps(talk_of("hello")) if method == "POST" else None
    for wrong in ("", "Bearer wrong"):
        answer, told = page.ask(method, path, body, {**JSON, "authorization": wrong})
        assert answer.status in (401, 403)
        assert OPUS not in told
    assert talk.a.counts.requests == 0


@pytest.mark.parametrize(
    "foreign", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_another_sites_page_cannot_spend_anything(foreign, page, talk):
    answer, _ = page.ask("POST", "/chat/send", json.dumps(talk_of("hello")), {**JSON, **foreign})
    assert answer.status == 403
    assert talk.a.counts.requests == 0


def test_the_link_with_the_token_lets_a_browser_in_from_then_on(page):
    answer, _ = page.ask("GET", f"/chat?token={TOKEN}", headers={"authorization": ""})
    assert (answer.status, answer.headers["location"]) == (303, "/chat")
    cookie = answer.headers["set-cookie"]
    assert "SameSite=Strict" in cookie
    assert "HttpOnly" in cookie
    answer, _ = page.ask("GET", "/chat", headers={"authorization": "", "cookie": cookie.partition(";")[0]})
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"


# -- what is sent -----------------------------------------------------------------------------------------------------


def test_files_go_out_as_each_protocol_has_them(tmp_path, page_of):
    files = [file("a.png", "image/png", PNG), file("n.txt", "text/plain", "gr\u00fc\u00dfe".encode())]
    for protocol in PROTOCOLS:
        with talking.Talking(tmp_path / protocol, protocol) as world:
            page_of(world.url).send("look", files=files)
            sent = json.dumps(world.asked(), ensure_ascii=False)
        assert base64.b64encode(PNG).decode() in sent
        assert '<file name=\\"n.txt\\">\\ngr\u00fc\u00dfe\\n</file>' in sent


def test_a_pdf_goes_to_claude_as_a_document_and_is_refused_elsewhere(page, talk, tmp_path, page_of):
    files = [file("a.pdf", "application/pdf", PDF)]
    page.send("read", files=files)
    (document, _) = talk.asked()["messages"][0]["content"]
    assert (document["type"], document["source"]["media_type"]) == ("document", "application/pdf")
    with talking.Talking(tmp_path / "openai", "openai") as world:
        status, body = page_of(world.url).json("/chat/send", talk_of("read", files=files))
    assert status == 422
    assert "takes no PDFs" in json.loads(body)["says"]


@pytest.mark.parametrize(
    ("upload", "why"),
    [
        (file("big.png", "image/png", PNG + b"\0" * MAX_IMAGE_BYTES), "an image may have 5 MB"),
        (file("big.txt", "text/plain", b"x" * (MAX_TEXT_BYTES + 1)), "a text may have 512 KB"),
        (file("x.bin", "application/zip", b"PK\x03\x04\xff\xfe"), "only texts"),
        (file("fake.png", "image/png", b"<svg onload=alert(1)>"), "not a PNG"),
        (file("none.txt", "text/plain", b""), "it is empty"),
        ({"name": "x", "type": "text/plain", "data": "***"}, "did not arrive whole"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused_by_name(upload, why, page, talk):
    status, body = page.json("/chat/send", talk_of("look", files=[upload]))
    assert status == 422
    assert why in json.loads(body)["says"]
    assert upload["name"] in json.loads(body)["says"]
    assert talk.a.counts.requests == 0


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{}", "text/plain", 415),
        ("{", "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ('{"model":"m","turns":[]}', "application/json", 400),
        ('{"model":"m","turns":[{"role":"system","text":"x"}]}', "application/json", 400),
        (json.dumps(talk_of("x", model="no-route")).replace("no-route", "x" * 301), "application/json", 400),
        (json.dumps(talk_of("  ")), "application/json", 422),
    ],
)
def test_what_is_no_conversation_is_a_clear_4xx(body, kind, status, page):
    answer, told = page.ask("POST", "/chat/send", body, {"content-type": kind})
    assert answer.status == status
    assert json.loads(told)["says"]


def test_a_model_that_is_not_in_the_chain_is_not_asked(page, talk):
    status, body = page.json("/chat/send", talk_of("hello", model="gpt-unheard"))
    assert status == 404
    assert OPUS in json.loads(body)["todo"]
    assert talk.a.counts.requests == 0


def test_a_body_beyond_the_bound_is_refused(page):
    answer, told = page.ask("POST", "/chat/send", "x" * (MAX_BODY_BYTES + 1), {"content-type": "application/json"})
    assert answer.status == 413
    assert "28 MB" in json.loads(told)["says"]


def test_nothing_that_was_said_is_in_an_error_or_a_repr(page):
    _, body = page.json("/chat/send", {"model": OPUS, "turns": [{"role": "user", "text": 5, PROMPT: PROMPT}]})
    assert PROMPT not in body
    talk = Talk(model=OPUS, turns=(Turn(role="user", text=PROMPT, files=(Upload(data=PROMPT),)),))
    assert PROMPT not in repr(talk)
    asked = asking(
        Talk(model=OPUS, turns=(Turn(role="user", text=PROMPT),)), Choice(model=OPUS, protocol=Protocol.ANTHROPIC)
    )
    assert PROMPT not in repr(asked)


# -- the events of each protocol --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "event", "means"),
    [
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, Heard("a")),
        (
            "anthropic",
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "a"}},
            Heard(thinks=True),
        ),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}, Heard(stop="max_tokens")),
        ("anthropic", {"type": "message_stop"}, Heard(ended=True)),
        ("anthropic", {"type": "error", "error": {"message": "full"}}, Heard(error="full")),
        ("anthropic", {"type": "something_new", "delta": 5}, Heard()),
        ("openai", {"choices": [{"delta": {"content": "a"}}]}, Heard("a")),
        ("openai", {"choices": [{"delta": {}, "finish_reason": "length"}]}, Heard(stop="length", ended=True)),
        ("openai", {"choices": "none"}, Heard()),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, Heard("a")),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "a", "thought": True}]}}]}, Heard(thinks=True)),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, Heard(stop="SAFETY", ended=True)),
    ],
)
def test_each_event_is_read_for_what_it_says(protocol, event, means):
    assert heard(Protocol(protocol), b"data: " + json.dumps(event).encode() + b"\n\n") == means


@pytest.mark.parametrize("event", [b": ping\n\n", b"data: {\n\n", b"data: [1]\n\n", b"data:\n\n", b"data: \xff\n\n"])
def test_what_is_no_event_says_nothing(event):
    assert heard(Protocol.OPENAI, event) == Heard()
