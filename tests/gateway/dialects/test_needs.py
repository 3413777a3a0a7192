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
