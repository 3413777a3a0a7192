"""What reading an answer costs: µs of CPU a chunk for each protocol, and µs a request for reading and addressing one.

    python bench/gateway/dialects.py [--rounds 7] [--number 20000]

Each figure is the best of the rounds, by CPU time of this process. "alone" is one event a chunk, as production sends
them; "by ten" ten events in one chunk, a figure per event; "split" every event in two chunks, which takes the path
that holds parts.
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import time
from collections.abc import Callable, Mapping
from functools import partial
from zlib import crc32

from stillup.gateway.core.values import Ask, Protocol, Target
from stillup.gateway.dialects.address import address
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch
from stillup.gateway.dialects.base import KeyChoice, KeyKind, UpstreamSpec, Watch
from stillup.gateway.dialects.bedrock import BedrockWatch
from stillup.gateway.dialects.chat.watch import ChatWatch
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch, GeminiWatch
from stillup.gateway.dialects.keys import choose_key
from stillup.gateway.dialects.needs import needs
from stillup.gateway.dialects.requests import read_request
from stillup.gateway.dialects.responses.watch import ResponsesWatch
from stillup.gateway.dialects.trouble import classify
from stillup.secret import Secret

DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " hello"}}
CHAT = {
    "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "object": "chat.completion.chunk",
    "created": 1741570283,
    "model": "gpt-x-2026-08-06",
    "service_tier": "default",
    "system_fingerprint": "fp_fc9f1d7035",
    "choices": [{"index": 0, "delta": {"content": " hello"}, "logprobs": None, "finish_reason": None}],
    "usage": None,
    "obfuscation": "pxgBLd2vA",
}
RESPONSE = {
    "type": "response.output_text.delta",
    "sequence_number": 12,
    "item_id": "msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654",
    "output_index": 0,
    "content_index": 0,
    "delta": " hello",
    "logprobs": [],
    "obfuscation": "0FmYlJ1TnQ",
}
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": " hello"}], "role": "model"}, "index": 0}],
    "usageMetadata": {
        "promptTokenCount": 12,
        "candidatesTokenCount": 5,
        "totalTokenCount": 17,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
    },
    "modelVersion": "gemini-x",
    "responseId": "NmYpaLyYM4-3nvgP",
}


HEADERS = (
    *("Host", "Accept", "Accept-Encoding", "Connection", "User-Agent", "anthropic-version", "x-api-key"),
    *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
    *("X-Stainless-Runtime", "X-Stainless-Async", "Content-Type", "Content-Length"),
)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def event(value: Mapping[str, object], *, named: bool = False, end: bytes = b"\n\n") -> bytes:
    name = b"event: " + str(value["type"]).encode() + b"\n" if named else b""
    return name + b"data: " + compact(value) + end


def amazon(value: object) -> bytes:
    payload = compact({"bytes": base64.b64encode(compact(value)).decode(), "p": "abcdefghijkl"})
    headers = b""
    for name, text in ((b":event-type", b"chunk"), (b":message-type", b"event")):
        headers += bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(text)) + text
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", crc32(head)) + headers + payload
    return body + struct.pack(">I", crc32(body))


STREAMS: dict[str, tuple[Callable[[], Watch], bytes]] = {
    "anthropic": (AnthropicWatch, event(DELTA, named=True)),
    "openai chat": (ChatWatch, event(CHAT)),
    "openai responses": (ResponsesWatch, event(RESPONSE, named=True)),
    "gemini": (GeminiWatch, event(GEMINI, end=b"\r\n\r\n")),
    "gemini, array": (GeminiArrayWatch, b",\r\n" + compact(GEMINI)),
    "bedrock": (BedrockWatch, amazon(DELTA)),
}


def best_us(work: Callable[[], object], rounds: int, number: int) -> float:
    """CPU µs a call: the best of the rounds, since other work on the machine only adds."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(number):
            work()
        best = min(best, time.process_time() - begun)
    return best / number * 1e6


def begun_watch(make: Callable[[], Watch], chunk: bytes) -> Watch:
    watch = make()
    watch.feed(b"[{}" if isinstance(watch, GeminiArrayWatch) else chunk)
    return watch


def feed_both(feed: Callable[[bytes], object], first: bytes, second: bytes) -> None:
    feed(first)
    feed(second)


def streams(rounds: int, number: int) -> None:
    print(f"{'µs a chunk':20} {'alone':>8} {'by ten':>8} {'split':>8}   bytes")
    for name, (make, chunk) in STREAMS.items():
        half, ten = len(chunk) // 2, chunk * 10
        feed = begun_watch(make, chunk).feed
        alone = best_us(partial(feed, chunk), rounds, number)
        by_ten = best_us(partial(feed, ten), rounds, number // 10) / 10
        split = best_us(partial(feed_both, feed, chunk[:half], chunk[half:]), rounds, number)
        print(f"{name:20} {alone:8.2f} {by_ten:8.2f} {split:8.2f}   {len(chunk)}")


def requests(rounds: int, number: int) -> None:
    headers = tuple((name.encode(), b"some value of usual length") for name in HEADERS)
    upstream = UpstreamSpec(id="a", protocol=Protocol.ANTHROPIC, key=Secret("dummy"))
    key = KeyChoice(kind=KeyKind.OWN, secret=Secret("dummy"))
    kept, other = Target("a", "", Protocol.ANTHROPIC), Target("a", "claude-y", Protocol.ANTHROPIC)
    error = compact({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    print(f"\n{'µs a request':20} {'read':>8} {'key':>8} {'same':>8} {'other':>8} {'needs':>8}")
    for size in (200, 20_000, 2_000_000):
        body = compact({"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "x" * size}]})
        ask = read_request("POST", "/v1/messages", "beta=true", headers, body)
        if not isinstance(ask, Ask):
            raise TypeError(ask)
        times = max(number // (1 + size // 2000), 5)
        figures = [
            best_us(partial(read_request, "POST", "/v1/messages", "beta=true", headers, body), rounds, times),
            best_us(partial(choose_key, ask, upstream), rounds, times),
            best_us(partial(address, ask, kept, upstream, key), rounds, times),
            best_us(partial(address, ask, other, upstream, key), rounds, times),
            best_us(partial(needs, ask), rounds, times),
        ]
        print(f"{size:>12,} bytes   " + " ".join(f"{figure:8.2f}" for figure in figures))
    print(
        f"\nclassify a 529: {best_us(lambda: classify(Protocol.ANTHROPIC, 529, headers, error), rounds, number):.2f} µs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--number", type=int, default=20_000)
    given = parser.parse_args()
    streams(given.rounds, given.number)
    requests(given.rounds, given.number)


if __name__ == "__main__":
    main()
