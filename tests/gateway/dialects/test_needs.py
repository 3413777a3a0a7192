"""What a request needs of a model is found without being fooled by what its texts say."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.needs import needs


def needed(body, protocol=Protocol.OPENAI):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return needs(Ask(protocol=protocol, operation=Operation.GENERATE, method="POST", path="/", body=raw))


def saying(*content):
    return {"model": "m", "messages": [{"role": "user", "content": list(content)}]}


def test_tokens_are_guessed_from_the_size():
    assert needed(b"x" * 4003).tokens == 1000


def test_a_pictures_bytes_are_no_tokens():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 400_000}}
    assert needed(saying(picture), Protocol.ANTHROPIC).tokens < 100
    linked = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    assert needed(saying(linked)).tokens < 100


A, O, R, G = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI  # noqa: E741


@pytest.mark.parametrize(
    ("protocol", "body", "has_images"),
    [
        (A, saying({"type": "text", "text": "an image"}), False),
        (A, saying({"type": "text", "text": '"image"'}), False),
        (A, saying({"type": "image", "source": {"type": "base64", "data": "abc"}}), True),
        (A, saying({"type": "tool_result", "content": [{"type": "image", "source": {}}]}), True),
        (A, {"metadata": {"image": 1}}, False),
        (A, b'{"image"', False),
        (A, b'{"image":' + b"[" * 40 + b'{"type":"image"}' + b"]" * 40 + b"}", False),
        (O, saying({"type": "image_url", "image_url": {"url": "data:"}}), True),
        (R, {"input": [{"content": [{"type": "input_image", "image_url": "x"}]}]}, True),
        (G, {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "abc"}}]}]}, True),
        (G, {"contents": [{"parts": [{"inline_data": {"mime_type": "audio/mp3", "data": "abc"}}]}]}, False),
        (G, {"contents": [{"parts": [{"fileData": {"fileUri": "gs://x"}}]}]}, True),
        (G, {"contents": [{"parts": [{"fileData": "gs://x"}]}]}, False),
    ],
)
def test_images_are_seen_where_they_are(protocol, body, has_images):
    assert needed(body, protocol).has_images is has_images


@pytest.mark.parametrize(
    ("body", "has_tools"),
    [
        ({"tools": [{"name": "f"}]}, True),
        ({"functions": [{"name": "f"}]}, True),
        ({"tools": []}, False),
        (b'{"tools": [ ]}', False),
        ({"tools": None}, False),
        (saying({"type": "text", "text": 'the word "tools"'}), False),
        ({"metadata": {"tools": [1]}}, False),
        ({}, False),
        (b'{"tools"', False),
    ],
)
def test_tools_are_seen_where_they_are(body, has_tools):
    assert needed(body).has_tools is has_tools


@pytest.mark.parametrize(
    ("protocol", "body", "has_documents"),
    [
        (A, saying({"type": "document", "source": {"type": "base64", "data": "abc"}}), True),
        (O, saying({"type": "file", "file": {"file_data": "data:application/pdf;base64,abc"}}), True),
        (R, {"input": [{"content": [{"type": "input_file", "file_data": "x"}]}]}, True),
        (G, {"contents": [{"parts": [{"inlineData": {"mimeType": "application/pdf", "data": "abc"}}]}]}, True),
        (G, {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "abc"}}]}]}, False),
        (A, saying({"type": "text", "text": '"document"'}), False),
    ],
)
def test_documents_are_seen_where_they_are(protocol, body, has_documents):
    assert needed(body, protocol).has_documents is has_documents


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 100, "max_tokens": 5}, 100),
        ({"max_output_tokens": 100}, 100),
        ({"generationConfig": {"maxOutputTokens": 100}}, 100),
        ({"generation_config": {"max_output_tokens": 100}}, 100),
        ({"max_tokens": "many"}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": 10**20}, None),
        ({"generationConfig": []}, None),
        ({}, None),
    ],
)
def test_how_long_the_answer_may_be_is_read(body, wanted):
    assert needed(body, Protocol.GEMINI).wanted == wanted


SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (O, {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
        (O, {"response_format": {"type": "json_object"}}),
        (A, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        (A, {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
        (R, {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        (G, {"generationConfig": {"responseMimeType": "application/json"}}),
        (G, {"generation_config": {"response_mime_type": "application/json"}}),
        (G, {"generationConfig": {"responseSchema": SCHEMA}}),
    ],
)
def test_an_answer_in_json_is_held_until_it_is_whole(protocol, body):
    found = needed(body, protocol)
    assert (found.has_schema, found.whole) == (True, True)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (O, {"n": 2}),
        (O, {"logprobs": True}),
        (R, {"top_logprobs": 2}),
        (R, {"include": ["message.output_text.logprobs"]}),
        (G, {"generationConfig": {"candidateCount": 2}}),
        (G, {"generationConfig": {"responseLogprobs": True}}),
        (A, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (R, {"tools": [{"type": "web_search"}]}),
        (O, {"web_search_options": {"x": 1}}),
        (G, {"tools": [{"googleSearch": {"x": 1}}]}),
        (G, {"tools": [{"google_search": {}}]}),
        (A, saying({"type": "document", "source": {}, "citations": {"enabled": True}})),
    ],
)
def test_what_is_of_no_use_in_parts_is_held_too(protocol, body):
    found = needed(body, protocol)
    assert (found.has_schema, found.whole) == (False, True)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (O, {"n": 1, "logprobs": False, "response_format": {"type": "text"}}),
        (O, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}),
        (A, {"tools": [{"name": "f", "input_schema": {"properties": {"a": {"type": "string"}}}}]}),
        (A, {"tools": [{"type": "custom", "name": "f", "input_schema": {"type": "object"}}]}),
        (A, {"tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "text_editor_20250728", "name": "e"}]}),
        (A, {"output_config": {"effort": "low"}}),
        (R, {"text": {"format": {"type": "text"}, "verbosity": "low"}, "include": ["reasoning.encrypted_content"]}),
        (
            R,
            {"tools": [{"type": "function", "name": "f", "parameters": {"properties": {"a": {"type": "web_search"}}}}]},
        ),
        (G, {"tools": [{"functionDeclarations": [{"name": "google_search"}]}]}),
        (G, {"generationConfig": {"responseMimeType": "text/plain", "candidateCount": 1}}),
        (O, saying({"type": "text", "text": 'say "json_schema" and "citations" are words'})),
    ],
)
def test_an_ordinary_answer_is_not_held(protocol, body):
    assert not needed(body, protocol).whole


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[" * 3000, b'{"tools": [1, null], "n": [', b'{"tools": {"type": "x"}}', b"\xff"]
)
def test_a_body_of_another_shape_needs_nothing(body):
    for protocol in (A, O, R, G):
        found = needed(body, protocol)
        assert (found.whole, found.has_images, found.has_documents) == (False, False, False)


@pytest.mark.parametrize(
    ("protocol", "body", "has_stop"),
    [
        (A, {"stop_sequences": ["x"]}, True),
        (O, {"stop": "x"}, True),
        (G, {"generationConfig": {"stopSequences": ["x"]}}, True),
        (A, {"stop_sequences": []}, False),
        (O, {"stop": None}, False),
        (O, {}, False),
    ],
)
def test_stop_sequences_are_seen(protocol, body, has_stop):
    assert needed(body, protocol).has_stop is has_stop
