"""A client's request is understood, or refused in the client's own protocol with a sentence that helps."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.base import Refusal
from stillup.gateway.dialects.requests import read_request

A, O, R, G = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI  # noqa: E741
GENERATE, COUNT, EMBED = Operation.GENERATE, Operation.COUNT_TOKENS, Operation.EMBED
MODELS, STORED = Operation.MODELS, Operation.STORED


def body(**members):
    return json.dumps({"model": "some-model", **members}).encode()


def asked(method, path, query="", headers=(), content=None):
    content = (body() if method == "POST" else b"") if content is None else content
    return read_request(method, path, query, headers, content)


PATHS = [
    ("POST", "/v1/messages", A, GENERATE, "some-model"),
    ("POST", "/v1/messages/count_tokens", A, COUNT, "some-model"),
    ("POST", "/v1/chat/completions", O, GENERATE, "some-model"),
    ("POST", "/chat/completions", O, GENERATE, "some-model"),
    ("POST", "/openai/v1/chat/completions", O, GENERATE, "some-model"),
    ("POST", "/openai/deployments/my-gpt/chat/completions", O, GENERATE, "my-gpt"),
    ("POST", "/openai/deployments/my-gpt/embeddings", O, EMBED, "my-gpt"),
    ("POST", "/v1/responses", R, GENERATE, "some-model"),
    ("POST", "/responses", R, GENERATE, "some-model"),
    ("GET", "/v1/responses/resp_1", R, STORED, ""),
    ("DELETE", "/v1/responses/resp_1", R, STORED, ""),
    ("POST", "/v1/responses/resp_1/cancel", R, STORED, ""),
    ("GET", "/responses/resp_1/input_items", R, STORED, ""),
    ("POST", "/v1/embeddings", O, EMBED, "some-model"),
    ("POST", "/embeddings", O, EMBED, "some-model"),
    ("GET", "/v1/models", O, MODELS, ""),
    ("GET", "/models", O, MODELS, ""),
    ("GET", "/v1/models/gpt-x", O, MODELS, "gpt-x"),
    ("GET", "/v1/models/openai%2Fgpt-x", O, MODELS, "openai/gpt-x"),
    ("GET", "/v1/models/ft:gpt-x:org::id", O, MODELS, "ft:gpt-x:org::id"),
    ("GET", "/v1beta/models", G, MODELS, ""),
    ("GET", "/v1beta/models/gemini-x", G, MODELS, "gemini-x"),
    ("POST", "/v1beta/models/gemini-x:generateContent", G, GENERATE, "gemini-x"),
    ("POST", "/v1beta/models/gemini-x:streamGenerateContent", G, GENERATE, "gemini-x"),
    ("POST", "/v1/models/gemini-x:generateContent", G, GENERATE, "gemini-x"),
    ("POST", "/v1beta/models/gemini-x:countTokens", G, COUNT, "gemini-x"),
    ("POST", "/v1beta/models/gemini-x:embedContent", G, EMBED, "gemini-x"),
    ("POST", "/v1beta/models/gemini-x:batchEmbedContents", G, EMBED, "gemini-x"),
]


@pytest.mark.parametrize(("method", "path", "protocol", "operation", "model"), PATHS)
def test_every_known_path_is_understood(method, path, protocol, operation, model):
    ask = asked(method, path, "beta=true")
    assert isinstance(ask, Ask)
    assert (ask.protocol, ask.operation, ask.model) == (protocol, operation, model)
    assert (ask.method, ask.path, ask.query, ask.stream) == (method, path, "beta=true", ":stream" in path)


@pytest.mark.parametrize(
    ("headers", "query", "protocol"),
    [
        (((b"anthropic-version", b"2023-06-01"),), "", A),
        (((b"X-Api-Key", b"k"),), "limit=20", A),
        (((b"x-goog-api-key", b"k"),), "", G),
        ((), "key=k&pageSize=2", G),
        (((b"authorization", b"Bearer k"),), "", O),
    ],
)
def test_whose_list_of_models_is_asked_for_shows_in_headers_and_query(headers, query, protocol):
    assert asked("GET", "/v1/models", query, headers).protocol is protocol
    assert asked("GET", "/v1/models/some-model", query, headers).protocol is protocol


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize(("value", "stream"), [(True, True), (False, False), (None, False), ("true", False)])
def test_a_stream_is_one_where_the_body_says_true(path, value, stream):
    assert asked("POST", path, content=body(stream=value)).stream is stream


def test_a_stored_response_is_streamed_where_the_query_says_so():
    assert asked("GET", "/v1/responses/resp_1", "stream=true&starting_after=3").stream
    assert not asked("GET", "/v1/responses/resp_1", "stream=false").stream


def test_body_and_headers_stay_as_they_were_sent():
    raw = b' {"messages" : [ "\xc3\xbc" ],\n"model":"m" }'
    headers = ((b"X-Api-Key", b"k"), (b"Anthropic-Beta", b"a,b"), (b"anthropic-beta", b"c"))
    ask = asked("POST", "/v1/messages", "", headers, raw)
    assert ask.body is raw
    assert ask.headers == headers


def test_headers_for_the_next_hop_alone_are_left_out_and_those_connection_names():
    headers = (
        (b"Connection", b"keep-alive, X-Hop"),
        (b"connection", b"x-other"),
        (b"Keep-Alive", b"5"),
        (b"TE", b"trailers"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"Proxy-Authorization", b"Basic abc"),
        (b"x-hop", b"1"),
        (b"X-Other", b"1"),
        (b"X-Kept", b"1"),
    )
    assert asked("POST", "/v1/messages", "", headers).headers == ((b"X-Kept", b"1"),)


def error_of(refusal):
    return json.loads(refusal.body)


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("POST", "/v1/unknown", 404, "/v1/chat/completions"),
        ("GET", "/", 404, "/v1/messages"),
        ("POST", "/v1/messages/batches", 404, "/v1/messages"),
        ("POST", "/v1/v1/messages", 404, "/v1/messages"),
        ("POST", "/v1/models/../../admin", 404, "/v1/models"),
        ("GET", "/v1/models/%2e%2e", 404, "/v1/models"),
        ("GET", "/v1/models/a%2F..%2Fb", 404, "/v1/models"),
        ("GET", "/v1/models/a%0d%0ab", 404, "/v1/models"),
        ("GET", "/v1/models/a%3Fb", 404, "/v1/models"),
        ("GET", "/v1/models/a b", 404, "/v1/models"),
        ("GET", "/v1/models/ü", 404, "/v1/models"),
        ("GET", "/v1/models/a\r\nX-Evil: 1", 404, "/v1/models"),
        ("GET", "/v1/responses/", 404, "/v1/responses"),
        ("GET", "/v1/responses/r/", 404, "/v1/responses"),
        ("POST", "/v1beta/models/:generateContent", 404, "/v1beta/models"),
        ("POST", "/v1beta/models/gemini-x:unknown", 404, "/v1beta/models"),
        ("POST", "/v1beta/models/" + "x" * 600 + ":generateContent", 404, "/v1beta/models"),
        ("POST", "/openai/deployments//chat/completions", 404, "/v1/chat/completions"),
        ("POST", "/openai/deployments/a/responses", 404, "/v1/chat/completions"),
        ("GET", "/v1/messages", 405, "POST"),
        ("POST", "/v1/models", 405, "GET"),
        ("PUT", "/v1/responses/resp_1", 405, "GET, DELETE"),
    ],
)
def test_what_is_not_served_is_refused_with_what_is(method, path, status, says):
    refusal = asked(method, path)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert says in error_of(refusal)["error"]["message"]


@pytest.mark.parametrize("query", ["a b", "a\r\nX-Evil: 1", "ü", "a\x00"])
def test_a_query_that_could_break_the_next_request_line_is_refused(query):
    assert asked("POST", "/v1/messages", query).status == 404


def test_a_wrong_method_is_told_the_right_ones_in_a_header_too():
    assert (b"allow", b"POST") in asked("GET", "/v1/messages").headers


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/v1/messages/nothing", (), {"type", "error"}),
        ("/nothing", ((b"anthropic-version", b"2023-06-01"),), {"type", "error"}),
        ("/v1beta/nothing", (), {"code", "message", "status"}),
        ("/nothing", (), {"message", "type", "param", "code"}),
    ],
)
def test_a_refusal_is_in_the_protocol_the_client_seems_to_speak(path, headers, shape):
    error = error_of(asked("POST", path, "", headers))
    assert shape in (set(error), set(error["error"]))


BAD_BODIES = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b'{"model": "m",}', "not valid JSON"),
    (b'{"model": "\xff"}', "not valid JSON"),
    (b'{"model": NaN}', "not valid JSON"),
    (b"[1, 2]", "must be a JSON object"),
    (b'"text"', "must be a JSON object"),
    (b"{}", "names no model"),
    (b'{"model": ""}', "names no model"),
    (b'{"model": null}', '"model" must be a string'),
    (b'{"model": 5}', '"model" must be a string'),
    (b'{"model": ["a"]}', '"model" must be a string'),
    (b'{"model":"m","a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "not valid JSON"),
    (b'{"a":' * 200_000, "not valid JSON"),
]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings"])
@pytest.mark.parametrize(("content", "says"), BAD_BODIES)
def test_a_bad_body_is_refused_with_what_is_wrong(path, content, says):
    refusal = asked("POST", path, content=content)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert says in error_of(refusal)["error"]["message"]


def test_geminis_body_names_no_model_but_must_be_an_object():
    path = "/v1beta/models/gemini-x:generateContent"
    assert asked("POST", path, content=b"{}").model == "gemini-x"
    assert error_of(asked("POST", path, content=b"[]"))["error"]["status"] == "INVALID_ARGUMENT"


def test_half_a_surrogate_pair_is_for_the_upstream_to_judge():
    ask = asked("POST", "/v1/messages", content=b'{"model":"m","stream":true,"messages":["\\ud83d"]}')
    assert (ask.model, ask.stream) == ("m", True)


@pytest.mark.parametrize(
    ("coding", "code"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)
def test_a_coded_body_is_read_and_stays_coded(coding, code):
    coded = code(body(stream=True))
    ask = asked("POST", "/v1/messages", "", ((b"Content-Encoding", coding.encode()),), coded)
    assert (ask.model, ask.stream, ask.body) == ("some-model", True, coded)


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        (b"gzip", gzip.compress(b'{"model":"m","a":"' + b"x" * 40_000_000 + b'"}')),
        (b"gzip", b"not gzip"),
        (b"gzip", gzip.compress(body())[:-9]),
        (b"zstd", b"whatever"),
        (b"gzip, gzip", gzip.compress(body())),
    ],
)
def test_a_bomb_a_broken_or_an_unknown_coding_is_refused(coding, content):
    refusal = asked("POST", "/v1/messages", "", ((b"content-encoding", coding),), content)
    assert "cannot be read" in error_of(refusal)["error"]["message"]


@pytest.mark.parametrize("coding", [b"zstd", b"br", b"gzip, gzip"])
def test_a_coding_that_is_not_read_here_is_told_which_are(coding):
    refusal = asked("POST", "/v1/messages", "", ((b"content-encoding", coding),), body())
    assert (refusal.status, dict(refusal.headers)[b"accept-encoding"]) == (415, b"gzip, deflate, identity")


@given(
    st.sampled_from(["GET", "POST", "DELETE", "HEAD"]),
    st.sampled_from([path for _, path, *_ in PATHS]) | st.text(max_size=40).map(lambda text: "/" + text),
    st.text(max_size=20),
    st.binary(max_size=60),
)
def test_no_request_whatever_makes_it_raise(method, path, query, content):
    assert isinstance(read_request(method, path, query, (), content), Ask | Refusal)


@pytest.mark.parametrize("name", ["m" * 513, ".", ".."])
def test_a_name_that_is_too_long_to_remember_or_climbs_in_a_path_is_no_model(name):
    refusal = asked("POST", "/v1/messages", content=json.dumps({"model": name}).encode())
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


def test_a_body_with_an_odd_model_is_refused_without_being_built():
    empties = b'{"model": 5, "x": [' + b"{}," * 1_000_000 + b"{}]}"
    tracemalloc.start()
    refusal = asked("POST", "/v1/messages", content=empties)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert b"must be a string" in refusal.body
    assert peak < 4 * len(empties)


@pytest.mark.parametrize("path", ["/v1/models/..;/files", "/v1/responses/..;x", "/v1beta/models/..;a:generateContent"])
def test_a_parameter_does_not_hide_a_climb_in_a_path(path):
    method = "POST" if path.endswith("Content") else "GET"
    assert asked(method, path).status == 404
