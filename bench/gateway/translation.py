"""What translating costs, for every pair: µs of CPU a chunk of a stream, and ms a request of usual size.

    python bench/gateway/translation.py [--rounds 7] [--number 10000]

Each figure is the best of the rounds, by CPU time of this process. A chunk is one event with one word, as production
sends them: "read" and "write" are the upstream's reader and the client's writer, "all" what an event costs from the
upstream's bytes to the client's, framing and checking included. A request has 4 kB and two tools; "go on" is what it
costs to ask for the rest of an answer of 2 kB. Held to: 10 µs for reading and writing a chunk, 0.15 ms a request; a
figure beyond is marked, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).parents[1]))
from gateway.dialects import CHAT, DELTA, GEMINI, RESPONSE, best_us, compact, event
from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.base import Watch
from stillup.gateway.dialects.dialect import Dialect, Losses, Reader, Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    Began,
    Call,
    Message,
    Piece,
    Prompt,
    Result,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    Words,
)
from stillup.gateway.dialects.translated import TranslatedWatch
from stillup.gateway.dialects.whole import watch_for

MOST_US, MOST_MS = 10.0, 0.15
CLIENTS = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI)
UPSTREAMS = (*CLIENTS, Protocol.CONVERSE)
STAMP = Stamp(id="abcdefghijkl", created_s=1_741_570_283)
SCHEMA = compact(
    {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The file's path, below the folder of the project"},
            "lines": {"type": "array", "items": {"type": "integer"}, "description": "The lines to show; all if absent"},
        },
        "required": ["path"],
    }
)
PROMPT = Prompt(
    model="some-model",
    system=(Text(text="You are of help, in few words. " * 20),),
    messages=(
        Message(role=Role.USER, parts=(Text(text="What is in the file? " * 20),)),
        Message(
            role=Role.ASSISTANT,
            parts=(Text(text="I look."), Call(id="call_1", name="read", arguments='{"path": "a.txt"}')),
        ),
        Message(role=Role.USER, parts=(Result(id="call_1", name="read", parts=(Text(text="so it goes " * 150),)),)),
    ),
    tools=(
        Tool(name="read", description="Read a file of the project", schema=SCHEMA),
        Tool(name="list", description="List a folder of the project", schema=SCHEMA),
    ),
    tool_choice=ToolChoice(),
    sampling=Sampling(temperature=0.5),
    max_tokens=1024,
    stream=True,
)
OTHERS_OPENING = {
    Protocol.ANTHROPIC: event({"type": "message_start", "message": {"id": "m", "model": "a"}}, named=True)
    + event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, named=True),
}
"""What must stand before the event that is measured; it stands before itself elsewhere."""


def amazon(name: str, value: object) -> bytes:
    """One event of ConverseStream."""
    headers = b""
    kinds = ((b":event-type", name.encode()), (b":content-type", b"application/json"), (b":message-type", b"event"))
    for key, text in kinds:
        headers += bytes([len(key)]) + key + b"\x07" + struct.pack(">H", len(text)) + text
    payload = compact(value)
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", crc32(head)) + headers + payload
    return body + struct.pack(">I", crc32(body))


EVENTS = {
    Protocol.ANTHROPIC: event(DELTA, named=True),
    Protocol.OPENAI: event(CHAT),
    Protocol.RESPONSES: event(RESPONSE, named=True),
    Protocol.GEMINI: event(GEMINI, end=b"\r\n\r\n"),
    Protocol.CONVERSE: amazon(
        "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " hello"}, "p": "abcdefghijkl"}
    ),
}
TYPES = {Protocol.CONVERSE: "application/vnd.amazon.eventstream"}


def ask_of(protocol: Protocol, body: bytes = b"{}") -> Ask:
    """A client's request in its dialect."""
    path, query = dialect_of(protocol).address("some-model", True)  # noqa: FBT003 - as Dialect has it
    return Ask(
        protocol=protocol,
        operation=Operation.GENERATE,
        method="POST",
        path=path,
        query=query,
        body=body,
        model="some-model",
        stream=True,
    )


def watching(upstream: Protocol, client: Protocol) -> Watch:
    """The upstream's own watch."""
    watch = watch_for(ask_of(client), upstream, 200, TYPES.get(upstream, "text/event-stream"))
    if not isinstance(watch, Watch):
        raise TypeError(watch)
    return watch


def begun(upstream: Protocol, client: Protocol) -> tuple[bytes, Reader, Sequence[Piece], TranslatedWatch]:
    """One event as its watch hands it out, its reader, its pieces, and the whole way it goes: within an answer."""
    dialect, chunk = dialect_of(upstream), EVENTS[upstream]
    opening = OTHERS_OPENING.get(upstream, b"") + chunk
    watch = watching(upstream, client)
    reader = dialect.reader()
    reader.feed(watch.feed(opening)[1])
    ready = watch.feed(chunk)[1]
    pieces = reader.feed(ready)
    if not any(isinstance(piece, Words) for piece in pieces):
        msg = f"{upstream} reads no words"
        raise ValueError(msg)
    writer = dialect_of(client).writer(ask_of(client), STAMP)
    way = TranslatedWatch(watching(upstream, client), dialect.reader(), writer, b"")
    way.feed(opening)
    if not way.feed(chunk)[1]:
        msg = f"from {upstream} nothing comes to {client}"
        raise ValueError(msg)
    return ready, reader, pieces, way


def streams(rounds: int, number: int) -> bool:
    """A row a pair; whether all of them keep to the bound."""
    print(f"{'µs a chunk':36} {'read':>7} {'write':>7} {'both':>7} {'all':>7}")
    is_well = True
    for upstream in UPSTREAMS:
        for client in CLIENTS:
            if client is upstream:
                continue
            ready, reader, pieces, way = begun(upstream, client)
            writer = dialect_of(client).writer(ask_of(client), STAMP)
            writer.write([Began("", "some-model"), Words("hello")])
            read = best_us(partial(reader.feed, ready), rounds, number)
            write = best_us(partial(writer.write, pieces), rounds, number)
            whole = best_us(partial(way.feed, EVENTS[upstream]), rounds, number)
            fits = read + write <= MOST_US
            is_well = is_well and fits
            name = f"{upstream} to {client}"
            mark = "" if fits else "  more than allowed"
            print(f"{name:36} {read:7.2f} {write:7.2f} {read + write:7.2f} {whole:7.2f}{mark}")
    return is_well


def translated(source: Dialect, target: Dialect, ask: Ask) -> bytes:
    """A client's body as the upstream's."""
    return target.write_prompt(source.read_prompt(ask), Losses())


def requests(rounds: int, number: int) -> bool:
    """A row a pair; whether all of them keep to the bound."""
    said = "and so it goes on " * 110
    print(f"\n{'ms a request':36} {'read':>7} {'write':>7} {'both':>7} {'go on':>7}   bytes")
    is_well = True
    for client in CLIENTS:
        source = dialect_of(client)
        ask = ask_of(client, source.write_prompt(PROMPT, Losses()))
        prompt = source.read_prompt(ask)
        for upstream in UPSTREAMS:
            if upstream is client:
                continue
            target = dialect_of(upstream)
            body = translated(source, target, ask)
            figures = [
                best_us(partial(source.read_prompt, ask), rounds, number) / 1000,
                best_us(partial(target.write_prompt, prompt, Losses()), rounds, number) / 1000,
                best_us(partial(translated, source, target, ask), rounds, number) / 1000,
                best_us(partial(target.go_on, body, said, Form.INSTRUCTION, 500), rounds, number) / 1000,
            ]
            fits = figures[2] <= MOST_MS
            is_well = is_well and fits
            mark = "" if fits else "  more than allowed"
            row = " ".join(f"{figure:7.3f}" for figure in figures)
            print(f"{f'{client} to {upstream}':36} {row}   {len(ask.body)}{mark}")
    return is_well


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--number", type=int, default=10_000)
    given = parser.parse_args()
    streams_fit = streams(given.rounds, given.number)
    requests_fit = requests(given.rounds, max(given.number // 20, 5))
    return 0 if streams_fit and requests_fit else 1


if __name__ == "__main__":
    sys.exit(main())
