"""Law 1: an upstream is sent what the client sent, byte for byte, but for what must not or cannot be."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Protocol, Target
from stillup.gateway.dialects.address import address
from stillup.gateway.dialects.base import KeyChoice, KeyKind, UpstreamSpec
from stillup.gateway.dialects.requests import read_request
from stillup.gateway.dialects.splice import with_model
from stillup.secret import Secret

A, O, R, G = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI  # noqa: E741
BEDROCK, VERTEX = Protocol.BEDROCK, Protocol.VERTEX
BODY = b'{ "max_tokens":5,\n "model" : "m", "messages":[{"role":"user","content":"m \xc3\xbc"}] }'


def sent(path, upstream, model="", *, method="POST", query="", headers=(), body=BODY, key=None):
    ask = read_request(method, path, query, headers, body if method == "POST" else b"")
    return address(ask, Target("u", model, upstream.protocol), upstream, key or KeyChoice())


def spec(protocol, base_url="", **rest):
    return UpstreamSpec(id="u", protocol=protocol, base_url=base_url, **rest)


def own(value="the-key", **rest):
    return KeyChoice(kind=KeyKind.OWN, secret=Secret(value), **rest)


PLACES = [
    (A, "", "/v1/messages", "https://api.anthropic.com/v1/messages"),
    (A, "https://api.anthropic.com/v1", "/v1/messages", "https://api.anthropic.com/v1/messages"),
    (
        A,
        "https://api.anthropic.com/v1/",
        "/v1/messages/count_tokens",
        "https://api.anthropic.com/v1/messages/count_tokens",
    ),
    (A, "http://127.0.0.1:9001", "/v1/messages", "http://127.0.0.1:9001/v1/messages"),
    (A, "https://api.deepseek.com/anthropic", "/v1/messages", "https://api.deepseek.com/anthropic/v1/messages"),
    (O, "", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    (O, "", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
    (O, "", "/openai/v1/embeddings", "https://api.openai.com/v1/embeddings"),
    (O, "http://127.0.0.1:9002", "/v1/chat/completions", "http://127.0.0.1:9002/chat/completions"),
    (O, "https://openrouter.ai/api/v1", "/v1/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
    (R, "", "/v1/responses", "https://api.openai.com/v1/responses"),
    (
        G,
        "",
        "/v1beta/models/m:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    ),
    (G, "http://h:1/v1beta", "/v1beta/models/m:countTokens", "http://h:1/v1beta/models/m:countTokens"),
    (G, "http://h:1", "/v1/models/m:generateContent", "http://h:1/v1/models/m:generateContent"),
]


@pytest.mark.parametrize(("protocol", "base_url", "path", "url"), PLACES)
def test_the_address_is_what_the_providers_own_sdk_would_use_and_the_body_is_untouched(protocol, base_url, path, url):
    out = sent(path, spec(protocol, base_url), query="beta=true")
    assert out.origin + out.target == url + "?beta=true"
    assert out.body is BODY


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions", "/v1/responses"])
def test_another_model_changes_the_models_value_and_no_other_byte(path):
    protocol = read_request("POST", path, "", (), BODY).protocol
    assert sent(path, spec(protocol), "other/mödel").body == BODY.replace(b'"m"', '"other/mödel"'.encode())
    assert sent(path, spec(protocol), "m").body is BODY


def test_another_gemini_model_changes_the_path_only():
    out = sent("/v1beta/models/m:streamGenerateContent", spec(G), "other/model", query="alt=sse")
    assert out.target == "/v1beta/models/other%2Fmodel:streamGenerateContent?alt=sse"
    assert out.body is BODY


def test_one_model_of_the_list_is_asked_for_by_the_chains_name():
    assert sent("/v1/models/m", spec(O), "other", method="GET").target == "/v1/models/other"
    anthropic = ((b"anthropic-version", b"1"),)
    assert sent("/v1/models/m", spec(A), "other", method="GET", headers=anthropic).target == "/v1/models/other"
    assert sent("/v1beta/models/m", spec(G), "other", method="GET").target == "/v1beta/models/other"
    assert sent("/v1/models/m%2Fn", spec(O), method="GET").target == "/v1/models/m%2Fn"
    assert sent("/v1/models", spec(O), method="GET", query="after=x").target == "/v1/models?after=x"


def test_a_stored_response_keeps_its_path():
    assert sent("/responses/r/cancel", spec(R), body=b"").target == "/v1/responses/r/cancel"
    assert sent("/v1/responses/r", spec(R), method="DELETE").target == "/v1/responses/r"


def test_headers_pass_in_order_and_case_without_credentials_and_what_is_the_gateways():
    headers = (
        (b"Host", b"localhost"),
        (b"User-Agent", b"sdk"),
        (b"X-Api-Key", b"secret"),
        (b"Authorization", b"Bearer secret"),
        (b"api-key", b"secret"),
        (b"X-Goog-Api-Key", b"secret"),
        (b"Cookie", b"secret"),
        (b"anthropic-beta", b"one"),
        (b"Anthropic-Beta", b"two"),
        (b"Content-Length", b"5"),
        (b"Expect", b"100-continue"),
        (b"X-Stillup-Chain", b"b"),
        (b"Accept-Encoding", b"gzip, br"),
        (b"X-Stainless-Lang", b"python"),
    )
    kept = (headers[1], headers[7], headers[8], (b"Accept-Encoding", b"gzip"), headers[13])
    assert sent("/v1/messages", spec(A), headers=headers).headers == kept
    assert sent("/v1/messages", spec(A), headers=headers, key=own()).headers == (*kept, (b"x-api-key", b"the-key"))


@pytest.mark.parametrize(
    ("protocol", "base_url", "path", "key", "line"),
    [
        (A, "", "/v1/messages", own(), (b"x-api-key", b"the-key")),
        (A, "", "/v1/messages", own(bearer=True), (b"authorization", b"Bearer the-key")),
        (O, "", "/v1/chat/completions", own(), (b"authorization", b"Bearer the-key")),
        (R, "", "/v1/responses", own(), (b"authorization", b"Bearer the-key")),
        (O, "https://x.openai.azure.com", "/v1/chat/completions", own(), (b"api-key", b"the-key")),
        (G, "", "/v1beta/models/m:generateContent", own(), (b"x-goog-api-key", b"the-key")),
        (G, "", "/v1beta/models/m:generateContent", own(bearer=True), (b"authorization", b"Bearer the-key")),
        (A, "https://x.services.ai.azure.com/anthropic", "/v1/messages", own(), (b"x-api-key", b"the-key")),
    ],
)
def test_the_key_goes_where_the_protocol_puts_it(protocol, base_url, path, key, line):
    assert sent(path, spec(protocol, base_url), key=key).headers == (line,)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\x00b"])
def test_a_key_that_could_break_the_header_is_refused_without_showing_it(value):
    with pytest.raises(ValueError, match="a key holds characters") as refused:
        sent("/v1/messages", spec(A), key=own(value))
    assert value not in str(refused.value)


def test_a_key_in_the_query_is_not_sent_on():
    out = sent(
        "/v1beta/models/m:generateContent",
        spec(G),
        query="key=k&alt=sse&k%65y=k&access_token=t&oauth_token=t&api_key=t&x=1",
    )
    assert out.target.endswith(":generateContent?alt=sse&x=1")


AZURE = [
    (
        "https://x.openai.azure.com",
        "/v1/chat/completions",
        "/openai/deployments/m/chat/completions?api-version=2024-10-21",
    ),
    ("https://x.openai.azure.com/openai", "/v1/embeddings", "/openai/deployments/m/embeddings?api-version=2024-10-21"),
    ("https://x.openai.azure.com?api-version=2", "/v1/embeddings", "/openai/deployments/m/embeddings?api-version=2"),
    (
        "https://x.openai.azure.com/openai/deployments/d",
        "/v1/chat/completions",
        "/openai/deployments/d/chat/completions?api-version=2024-10-21",
    ),
    ("https://x.openai.azure.com/openai/v1", "/v1/chat/completions", "/openai/v1/chat/completions"),
    ("https://x.openai.azure.com", "/v1/responses", "/openai/v1/responses"),
    ("https://x.services.ai.azure.com", "/v1/chat/completions", "/openai/v1/chat/completions"),
    ("https://x.services.ai.azure.com/models", "/v1/chat/completions", "/models/chat/completions"),
]


@pytest.mark.parametrize(("base_url", "path", "target"), AZURE)
def test_azure_has_its_own_places(base_url, path, target):
    out = sent(path, spec(R if "responses" in path else O, base_url))
    assert out.target == target
    assert out.body is BODY


def test_an_azure_client_meets_other_upstreams_at_their_usual_places():
    path, query = "/openai/deployments/my-gpt/chat/completions", "api-version=2024-06-01"
    out = sent(path, spec(O), query=query, body=b'{"messages":[]}')
    assert (out.target, out.body) == ("/v1/chat/completions", b'{"model":"my-gpt","messages":[]}')
    out = sent(path, spec(O), query=query, body=b"{ }")
    assert out.body == b'{"model":"my-gpt"}'
    out = sent(path, spec(O, "https://x.openai.azure.com"), query=query, body=b'{"messages":[]}')
    assert (out.target, out.body) == (f"{path}?{query}", b'{"messages":[]}')


def test_a_coded_body_passes_as_it_is_and_is_decoded_only_to_change_it():
    headers = ((b"content-encoding", b"gzip"), (b"x-kept", b"1"))
    coded = gzip.compress(BODY)
    same = sent("/v1/messages", spec(A), headers=headers, body=coded)
    assert (same.body, same.headers) == (coded, headers)
    other = sent("/v1/messages", spec(A), "n", headers=headers, body=coded)
    assert (other.body, other.headers) == (BODY.replace(b'"m"', b'"n"'), headers[1:])


def test_bedrock_has_model_and_stream_in_the_path_and_version_and_betas_in_the_body():
    headers = ((b"anthropic-version", b"2023-06-01"), (b"Anthropic-Beta", b"one, two"), (b"x-kept", b"1"))
    body = b'{"model":"m","stream":true,"max_tokens": 5,"messages":[ {"content":"\\u00fc"} ]}'
    model = "arn:aws:bedrock:us-east-1:1:inference-profile/us.claude"
    out = sent("/v1/messages", spec(BEDROCK, region="us-east-1"), model, headers=headers, body=body, key=own())
    assert out.origin == "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert out.target == "/model/arn:aws:bedrock:us-east-1:1:inference-profile%2Fus.claude/invoke-with-response-stream"
    assert out.headers == ((b"x-kept", b"1"), (b"authorization", b"Bearer the-key"))
    assert json.loads(out.body) == {
        "max_tokens": 5,
        "messages": [{"content": "ü"}],
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["one", "two"],
    }
    assert b'[ {"content":"\\u00fc"} ]' in out.body
    assert sent("/v1/messages", spec(BEDROCK, "http://h:1")).target == "/model/m/invoke"


def test_bedrock_counts_tokens_of_a_body_in_an_envelope():
    out = sent("/v1/messages/count_tokens", spec(BEDROCK, "http://h:1"), "anthropic.claude:0")
    inside = json.loads(base64.b64decode(json.loads(out.body)["input"]["invokeModel"]["body"]))
    assert out.target == "/model/anthropic.claude:0/count-tokens"
    assert inside == {
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "m ü"}],
        "anthropic_version": "bedrock-2023-05-31",
    }


@pytest.mark.parametrize(
    ("region", "origin"),
    [
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_has_project_region_and_model_in_the_path(region, origin):
    vertex = spec(VERTEX, region=region, project="my-project")
    place = f"/v1/projects/my-project/locations/{region}/publishers/anthropic/models"
    out = sent("/v1/messages", vertex, "claude-x@20260101", key=own("ya29.dummy"))
    assert (out.origin, out.target) == (origin, f"{place}/claude-x@20260101:rawPredict")
    assert out.headers == ((b"authorization", b"Bearer ya29.dummy"),)
    assert json.loads(out.body)["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in json.loads(out.body)
    stream = sent("/v1/messages", vertex, body=b'{"model":"m","stream":true}')
    assert stream.target == f"{place}/m:streamRawPredict"
    assert json.loads(stream.body)["stream"] is True
    count = sent("/v1/messages/count_tokens", vertex, "claude-x")
    assert count.target == f"{place}/count-tokens:rawPredict"
    assert json.loads(count.body)["model"] == "claude-x"


@pytest.mark.parametrize(
    "upstream",
    [
        spec(O, "ftp://host"),
        spec(O, "host:80/v1"),
        spec(O, "https://user:password@host"),
        spec(BEDROCK),
        spec(VERTEX, region="eu"),
        spec(VERTEX, "https://host/v1", project="p"),
    ],
)
def test_an_upstream_that_is_nowhere_is_refused(upstream):
    path = "/v1/messages" if upstream.protocol in {BEDROCK, VERTEX} else "/v1/chat/completions"
    with pytest.raises(ValueError, match=r"base URL|region"):
        sent(path, upstream)


def test_bedrock_and_vertex_list_no_models_as_anthropic_does():
    for upstream in (spec(BEDROCK, region="eu-west-1"), spec(VERTEX, region="eu", project="p")):
        with pytest.raises(ValueError, match="neither Bedrock nor Vertex"):
            sent("/v1/models", upstream, method="GET", headers=((b"anthropic-version", b"1"),))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just("m"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("model"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text() | st.just("a"), json_values, max_size=4),
    st.sampled_from(["m", "mödel", 'a"b', "\\"]),
    st.text(),
    st.integers(0, 4),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_with_another_model_the_body_means_the_same_but_for_the_model(members, old, new, at, indent, ascii_only):
    items = [(name, value) for name, value in members.items() if name != "model"]
    items.insert(at, ("model", old))
    body = json.dumps(dict(items), indent=indent, ensure_ascii=ascii_only).encode()
    changed = with_model(body, new)
    assert json.loads(changed) == {**dict(items), "model": new}
    assert list(json.loads(changed)) == list(dict(items))


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":{"model":"m"}, "model": "m"}',
        b'{"x":"\\"model\\":\\"m\\"", "model" :\t"m"}',
        b'{"metadata":{"model":"m"},"a":[{"model":"m"}],"model":"m"}',
        b'{"m\\u006fdel":"m","x":{"model":"m"}}',
        b'{"model":"\\u006d"}',
        b'{"m\\u006fdel":"m","model2":"model","x":"\\ud83d"}',
        b'{"model":["m"],"x":{"model" :"m"},"model":"m"}',
        b'{"model":"n"}',
        b'{"a":[' + b",".join([b'{"model":"m"}'] * 9) + b'],"model":"m"}',
        b'{"model":"m","x":"\\ud83d"}',
        b'{"model":"m", "x":' + b'"' + b"y" * 200_000 + b'"}',
        b'{"x":"' + b"y" * 200_000 + b'", "model":"m"}',
        b'{"x":"' + b"y" * 100_000 + b'", "model":"m", "z":"' + b"y" * 100_000 + b'"}',
    ],
)
def test_a_model_that_is_hard_to_find_is_changed_all_the_same(body):
    assert json.loads(with_model(body, "n")) == {**json.loads(body), "model": "n"}
