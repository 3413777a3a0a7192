"""What a request needs of a model is found without being fooled by what its texts say."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.needs import needs


def needed(body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return needs(Ask(protocol=Protocol.OPENAI, operation=Operation.GENERATE, method="POST", path="/", body=raw))


def saying(*content):
    return {"model": "m", "messages": [{"role": "user", "content": list(content)}]}


def test_tokens_are_guessed_from_the_size():
    assert needed(b"x" * 4003).tokens == 1000


@pytest.mark.parametrize(
    ("body", "has_images"),
    [
        (saying({"type": "text", "text": "an image"}), False),
        (saying({"type": "text", "text": '"image"'}), False),
        (saying({"type": "image", "source": {"type": "base64", "data": "abc"}}), True),
        (saying({"type": "image_url", "image_url": {"url": "data:"}}), True),
        ({"input": [{"content": [{"type": "input_image", "image_url": "x"}]}]}, True),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "abc"}}]}]}, True),
        ({"contents": [{"parts": [{"inline_data": {"mime_type": "audio/mp3", "data": "abc"}}]}]}, False),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://x"}}]}]}, True),
        ({"metadata": {"image": 1}}, False),
        (b'{"image"', False),
    ],
)
def test_images_are_seen_where_they_are(body, has_images):
    assert needed(body).has_images is has_images


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
        (b'{"tools"', True),
    ],
)
def test_tools_are_seen_where_they_are(body, has_tools):
    assert needed(body).has_tools is has_tools
