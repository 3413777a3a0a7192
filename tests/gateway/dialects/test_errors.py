"""Errors of our own, as the official SDKs understand them: typed, and asked again where that can help."""

from __future__ import annotations

import json

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import CONTENT
from stillup.gateway.dialects.chat.watch import ChatWatch
from stillup.gateway.dialects.errors import error_answer, error_event, ping
from stillup.gateway.dialects.trouble import classify

A, O, R, G = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI  # noqa: E741
FOR_THE_CLIENT = {Fault.QUOTA, Fault.UNAUTHORIZED, Fault.BAD_REQUEST, Fault.TOO_LONG, Fault.UNSUPPORTED, Fault.FILTERED}
AT_ONCE = (b"retry-after-ms", b"1")
SSE = ((b"content-type", b"text/event-stream"),)
ASKED = [{"role": "user", "content": "hello"}]


class Server:
    """Answers every request alike, without a network, and counts them."""

    def __init__(self, status, headers, body):
        self.asked = 0
        self._answer = {"status_code": status, "headers": [*headers, AT_ONCE], "content": body}
        self.client = httpx2.Client(transport=httpx2.MockTransport(self._reply))

    def _reply(self, request):
        self.asked += 1
        return httpx2.Response(**self._answer)


def ask_anthropic(server, *, retries=0, stream=False):
    client = anthropic.Anthropic(api_key="dummy", http_client=server.client, max_retries=retries)
    answer = client.messages.create(model="m", max_tokens=1, messages=ASKED, stream=stream)
    return list(answer) if stream else answer


def ask_openai(server, *, retries=0, stream=False):
    client = openai.OpenAI(api_key="dummy", http_client=server.client, max_retries=retries)
    answer = client.chat.completions.create(model="m", messages=ASKED, stream=stream)
    return list(answer) if stream else answer


def ask_responses(server, *, retries=0, stream=False):
    client = openai.OpenAI(api_key="dummy", http_client=server.client, max_retries=retries)
    answer = client.responses.create(model="m", input="hello", stream=stream)
    return list(answer) if stream else answer


def ask_gemini(server, *, retries=0, stream=False):
    options = genai_types.HttpOptions(base_url="http://gateway.invalid", httpx_client=server.client)
    models = genai.Client(api_key="dummy", http_options=options).models
    if stream:
        return list(models.generate_content_stream(model="gemini-x", contents="hello"))
    return models.generate_content(model="gemini-x", contents="hello")


@pytest.mark.parametrize("fault", list(Fault))
def test_anthropics_sdk_raises_a_typed_error_and_asks_again_where_it_may(fault):
    server = Server(*error_answer(A, fault, "what happened", request_id="req_1"))
    with pytest.raises(anthropic.APIStatusError) as raised:
        ask_anthropic(server, retries=1)
    assert "what happened" in str(raised.value)
    assert raised.value.request_id == "req_1"
    assert server.asked == (1 if fault in FOR_THE_CLIENT else 2)


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(("protocol", "ask"), [(O, ask_openai), (R, ask_responses)])
def test_openais_sdk_raises_a_typed_error_and_asks_again_where_it_may(fault, protocol, ask):
    server = Server(*error_answer(protocol, fault, "what happened", request_id="req_1"))
    with pytest.raises(openai.APIStatusError, match="what happened") as raised:
        ask(server, retries=1)
    assert raised.value.request_id == "req_1"
    # OpenAI's own answer to an empty account is a 429, which its SDK asks again.
    assert server.asked == (1 if fault in FOR_THE_CLIENT - {Fault.QUOTA} else 2)


@pytest.mark.parametrize("fault", list(Fault))
def test_googles_sdk_raises_its_error_of_the_right_side(fault):
    status, headers, body = error_answer(G, fault, "what happened")
    kind = genai_errors.ServerError if status >= 500 else genai_errors.ClientError
    with pytest.raises(kind, match="what happened"):
        ask_gemini(Server(status, headers, body))


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(
    ("protocol", "ask", "kind"),
    [
        (A, ask_anthropic, anthropic.APIStatusError),
        (O, ask_openai, openai.APIError),
        (R, ask_responses, openai.APIError),
        (G, ask_gemini, genai_errors.APIError),
    ],
)
def test_an_error_event_ends_a_stream_with_an_error_in_every_sdk(fault, protocol, ask, kind):
    body = ping(protocol) + error_event(protocol, fault, "what happened")
    with pytest.raises(kind, match="what happened"):
        ask(Server(200, SSE, body), stream=True)


@pytest.mark.parametrize(
    ("protocol", "fault", "raised"),
    [
        (A, Fault.OVERLOADED, anthropic.OverloadedError),
        (A, Fault.RATE_LIMITED, anthropic.RateLimitError),
        (A, Fault.UNAUTHORIZED, anthropic.AuthenticationError),
        (A, Fault.TOO_LONG, anthropic.BadRequestError),
        (A, Fault.CUT, anthropic.InternalServerError),
        (O, Fault.OVERLOADED, openai.InternalServerError),
        (O, Fault.RATE_LIMITED, openai.RateLimitError),
        (O, Fault.UNAUTHORIZED, openai.AuthenticationError),
        (O, Fault.TOO_LONG, openai.BadRequestError),
        (O, Fault.CUT, openai.InternalServerError),
    ],
)
def test_each_fault_is_the_exception_its_users_catch(protocol, fault, raised):
    ask = ask_anthropic if protocol is A else ask_openai
    with pytest.raises(raised):
        ask(Server(*error_answer(protocol, fault, "what happened")))


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("fault", sorted(FOR_THE_CLIENT | {Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.SERVER_ERROR}))
def test_a_gateway_behind_another_reads_the_same_fault(protocol, fault):
    status, headers, body = error_answer(protocol, fault, "what happened")
    without_code = {Fault.TOO_LONG: Fault.BAD_REQUEST, Fault.FILTERED: Fault.BAD_REQUEST}
    if protocol is G:
        without_code[Fault.QUOTA] = Fault.RATE_LIMITED
    elif protocol in {O, R, Protocol.CONVERSE}:  # the last no client speaks
        without_code = {}
    without_code[Fault.UNSUPPORTED] = Fault.BAD_REQUEST
    assert classify(protocol, status, headers, body) is without_code.get(fault, fault)


def test_a_given_status_decides_the_words():
    status, _, body = error_answer(A, Fault.BAD_REQUEST, "m", status=404)
    assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
    status, _, body = error_answer(G, Fault.SERVER_ERROR, "m", status=599)
    assert (status, json.loads(body)["error"]["code"]) == (599, 599)
    status, _, body = error_answer(O, Fault.BAD_REQUEST, "m", status=418)
    assert (status, json.loads(body)["error"]["type"]) == (418, "invalid_request_error")


@pytest.mark.parametrize(("wait_s", "header"), [(0, b"0"), (0.2, b"1"), (7, b"7"), (7.01, b"8"), (-3, b"0")])
def test_retry_after_is_rounded_up(wait_s, header):
    headers = error_answer(O, Fault.OVERLOADED, "m", retry_after_s=wait_s)[1]
    assert (b"retry-after", header) in headers


def test_a_ping_is_no_content_and_hidden_by_every_sdk():
    done = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n'
    assert len(ask_openai(Server(200, SSE, ping(O) + done), stream=True)) == 1
    assert ask_anthropic(Server(200, SSE, ping(A)), stream=True) == []
    assert ping(G) == b""
    watch = ChatWatch()
    assert watch.feed(ping(O))[0] & CONTENT == 0


@pytest.mark.parametrize("protocol", [A, O, R, G])
def test_a_message_with_line_ends_stays_in_its_event(protocol):
    event = error_event(protocol, Fault.CUT, "one\n\ndata: two\r\n\u2028")
    assert event.count(b"\n\n") == 1
    assert event.endswith(b"\n\n")
