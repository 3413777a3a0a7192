"""The gateway's journal as a source: each exchange is all of its conversation so far; the vault joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import structs

from stillup.catalog.models import find_model
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Untranslatable, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import Message, Part, Role, Text
from stillup.gateway.dialects.said import Said
from stillup.gateway.dialects.sse import Splitter
from stillup.gateway.journal.read import Exchange, read_segment
from stillup.gateway.journal.segment import SUFFIX, segments
from stillup.gateway.journal.words import answered, asked, plain
from stillup.vault.values import Conversation, Read, Skipped, Turn
from stillup.vault.words import chained

_SERVICES = {"anthropic": "claude", "openai": "chatgpt", "gemini": "gemini", "xai": "grok"}
_TITLE = 80
_ERROR = 400


class GatewayJournal:
    """Reads exchanges that are over. The mark is the last file with the number of the last exchange in it."""

    name = "gateway"

    def recognises(self, source: Path) -> bool:
        return source.is_dir() and any(source.glob(f"*{SUFFIX}"))

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """Up to the first exchange that still runs: the next time begins there."""
        last_file, _, last = mark.partition(" ")
        done_bytes = 0
        for path in segments(source):
            size = path.stat().st_size if path.exists() else 0
            if path.name >= last_file:
                after = int(last) if path.name == last_file and last.isdigit() else -1
                for number, exchange in read_segment(path):
                    if exchange.is_running:
                        return
                    if number > after:
                        read = _read(exchange)
                        if read is not None:
                            yield Read(what=read, mark=f"{path.name} {number}", done_bytes=done_bytes)
            done_bytes += size


def _read(exchange: Exchange) -> Conversation | Skipped | None:
    """The conversation up to this exchange's answer; None where it was none."""
    begin = exchange.begin
    if begin.operation != Operation.GENERATE:
        return None
    body = exchange.body()
    if body is None:
        return Skipped(where=f"exchange {exchange.id}", why="The file is damaged where its request was.")
    protocol, headers = Protocol(begin.protocol), dict(begin.headers)
    raw = plain(body, headers.get("content-encoding", ""))
    system, messages = _asked(exchange, protocol, raw)
    reply = _reply(exchange, protocol)
    if not messages:
        return None
    turns = _turns(exchange, system, messages, reply)
    models = _models(exchange)
    facts = find_model(models[0] if models else begin.model)
    return Conversation(
        origin="gateway",
        id=exchange.id,
        turns=turns,
        title=_title(messages),
        service=_SERVICES.get(facts.maker, "") if facts else "",
        where=headers.get("user-agent", "").partition(" ")[0][:_TITLE],
        began_s=exchange.at_s,
        changed_s=exchange.ended_s or exchange.at_s,
    )


def _asked(exchange: Exchange, protocol: Protocol, body: bytes) -> tuple[tuple[Text, ...], Sequence[Message]]:
    """What the system was told, and the messages; only their last words where the body is of a kind we cannot read."""
    begin = exchange.begin
    headers = tuple((name.encode(), value.encode("utf-8", "replace")) for name, value in begin.headers)
    ask = Ask(
        protocol=protocol, operation=Operation.GENERATE, method=begin.method, path=begin.path, query=begin.query,
        headers=headers, body=body, model=begin.model, stream=begin.stream,
    )  # fmt: skip
    try:
        prompt = dialect_of(protocol).read_prompt(ask)
    except (Untranslatable, NoJson):
        text = asked(body)
        return (), [Message(role=Role.USER, parts=(Text(text=text),))] if text else []
    return prompt.system, prompt.messages


def _reply(exchange: Exchange, protocol: Protocol) -> tuple[Part, ...]:
    """What was answered, as far as it came; nothing of an error."""
    status = exchange.end.status if exchange.end else None
    if not exchange.answering or (status or exchange.answering[-1].status) >= _ERROR:
        return ()
    first = exchange.answering[0]
    raw = plain(exchange.answer(), first.content_encoding)
    if not raw:
        return ()
    try:
        if "event-stream" in first.content_type:
            return _streamed(raw, protocol)
        return dialect_of(protocol).read_reply(raw).parts
    except (NoJson, Untranslatable):
        text = answered(raw)
        return (Text(text=text),) if text else ()


def _streamed(raw: bytes, protocol: Protocol) -> tuple[Part, ...]:
    reader, said, splitter = dialect_of(protocol).reader(), Said(), Splitter()
    for event in splitter.feed(raw):
        for piece in reader.feed(event):
            said.add(piece)
    for piece in reader.finish():
        said.add(piece)
    return said.parts


def _turns(
    exchange: Exchange, system: tuple[Text, ...], messages: Sequence[Message], reply: tuple[Part, ...]
) -> tuple[Turn, ...]:
    """Turns called by what they say and what stands before them: each is the same in every exchange."""
    turns: list[Turn] = []
    link, parent = b"", ""
    if system:
        turns.append(Turn(id="system", role=Role.SYSTEM, parts=system))
    said = [*messages, *([Message(role=Role.ASSISTANT, parts=reply)] if reply else [])]
    for n, message in enumerate(said):
        if not message.parts:
            continue
        link = chained(link, message.role, message.parts)
        is_reply = bool(reply) and n == len(said) - 1
        is_new = is_reply or n == len(messages) - 1
        at_s = (exchange.ended_s or exchange.at_s) if is_reply else exchange.at_s
        turn = Turn(id=link.hex(), role=message.role, parts=message.parts, parent=parent, at_s=at_s if is_new else None)
        if is_reply:
            turn = structs.replace(turn, model=", then ".join(_models(exchange)))
        turns.append(turn)
        parent = turn.id
    return tuple(turns)


def _models(exchange: Exchange) -> tuple[str, ...]:
    """Who answered; more than one where others went on with an answer that broke off."""
    told = [one.model for one in exchange.answering[-1:]] + [seam.model for seam in exchange.seams]
    return tuple(dict.fromkeys(model or exchange.begin.model for model in told))


def _title(messages: Sequence[Message]) -> str:
    """The first line a person said; programs put what they add in angle brackets."""
    for message in messages:
        if message.role is Role.USER:
            for part in message.parts:
                if isinstance(part, Text) and part.text.strip() and not part.text.lstrip().startswith("<"):
                    line = part.text.strip().splitlines()[0]
                    return line if len(line) <= _TITLE else f"{line[: _TITLE - 1]}…"
    return ""
