"""A program that keeps asking a model, as an agent or an editor does, and remembers what came of it.

It knows a base URL and nothing else. Where the provider's official SDK is installed it is that SDK, with no retries of
its own, so that nothing hides what happens on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from stillup.clock import Clock

_DUMMY_KEY = "simulated-key"
_PATIENCE_S = 10.0
_MOST_BYTES = 1 << 20
_QUESTION = "Is this simulated?"
_CUT_SHORT = "cut short"
_MAX_TOKENS = 64


class Told(Struct, frozen=True, kw_only=True):
    """What came of one question.

    ``says`` is the answer, or in a few words why there is none. ``upstream`` and ``reason`` are what a gateway says of
    who answered; empty without one.
    """

    asked_at: datetime
    at: datetime
    """When it was over."""
    ok: bool
    says: str
    upstream: str = ""
    reason: str = ""


class Came(Struct, frozen=True, kw_only=True):
    """What a client got: a whole answer, or in a few words why not."""

    ok: bool
    says: str
    headers: Mapping[str, str] = {}


class Client(Protocol):
    """One way of asking."""

    name: str

    async def ask(self) -> Came:
        """Ask once; whatever goes wrong is an answer too."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


class SdkClient:
    """The official Anthropic SDK.

    :raises ImportError: it is not installed.
    """

    name = "the official Anthropic SDK"

    def __init__(self, base_url: str, model: str) -> None:
        import anthropic

        self._model = model
        self._anthropic = anthropic
        http = anthropic.DefaultAsyncHttpxClient(trust_env=False)  # a proxy has no business on loopback
        self._sdk = anthropic.AsyncAnthropic(
            base_url=base_url, api_key=_DUMMY_KEY, max_retries=0, timeout=_PATIENCE_S, http_client=http
        )

    async def ask(self) -> Came:
        """Stream one message."""
        try:
            async with self._sdk.messages.stream(
                model=self._model, max_tokens=_MAX_TOKENS, messages=[{"role": "user", "content": _QUESTION}]
            ) as stream:
                message = await stream.get_final_message()
        except self._anthropic.APIStatusError as exc:
            return Came(ok=False, says=f"{exc.status_code} {_error_in(exc.body)}".strip())
        except self._anthropic.APIConnectionError as exc:
            return Came(ok=False, says=f"no connection ({type(exc.__cause__ or exc).__name__})")
        except AssertionError:  # that is how it says so
            return Came(ok=False, says="no message in the answer")
        except Exception as exc:  # noqa: BLE001 - it lets through whatever breaks beneath it inside a stream
            return Came(ok=False, says=f"broken off ({type(exc).__name__})")
        if message.stop_reason is None:
            return Came(ok=False, says=_CUT_SHORT)
        text = "".join(block.text for block in message.content if block.type == "text")
        return Came(ok=True, says=text, headers=dict(stream.response.headers))

    async def close(self) -> None:
        """Give the connections back."""
        await self._sdk.close()


class PlainClient:
    """Plain HTTP, in Anthropic's protocol or OpenAI's."""

    name = "plain HTTP: the official Anthropic SDK is not installed, or this is not its protocol"

    def __init__(self, base_url: str, model: str, protocol: str = "anthropic") -> None:
        import aiohttp

        self._is_openai = protocol == "openai"
        self._url = base_url + ("/v1/chat/completions" if self._is_openai else "/v1/messages")
        said = [{"role": "user", "content": _QUESTION}]
        self._body = msgspec.json.encode({"model": model, "max_tokens": _MAX_TOKENS, "messages": said, "stream": True})
        key = {"authorization": f"Bearer {_DUMMY_KEY}"} if self._is_openai else {"x-api-key": _DUMMY_KEY}
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"} | key
        self._error = aiohttp.ClientError
        self._http = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=_PATIENCE_S))

    async def ask(self) -> Came:
        """Stream one message."""
        body = bytearray()
        try:
            async with self._http.post(self._url, data=self._body) as answer:
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        return Came(ok=False, says="too long")
        except self._error as exc:
            return Came(ok=False, says=f"no connection ({type(exc).__name__})")
        except TimeoutError:
            return Came(ok=False, says="no answer in time")
        if answer.status != 200:
            return Came(ok=False, says=f"{answer.status} {_error_in(_json(bytes(body)))}".strip())
        return self._read(bytes(body), {k.lower(): v for k, v in answer.headers.items()})

    def _read(self, body: bytes, headers: Mapping[str, str]) -> Came:
        rows = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
        events = [event for row in rows if isinstance(event := _json(row), dict)]
        broken = next((_error_in(event) for event in events if event.get("error")), None)
        if broken is not None:
            return Came(ok=False, says=f"broken off: {broken}")
        if self._is_openai:
            is_whole = b"[DONE]" in rows
            said = [c.get("delta", {}).get("content") or "" for e in events for c in e.get("choices", [])]
        else:
            is_whole = any(e.get("type") == "message_stop" for e in events)
            said = [e.get("delta", {}).get("text") or "" for e in events if e.get("type") == "content_block_delta"]
        return Came(ok=True, says="".join(said), headers=headers) if is_whole else Came(ok=False, says=_CUT_SHORT)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()


def _json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON can say
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _error_in(body: object) -> str:
    """The words of an error's body."""
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message)[:200] if message else ""


def load_sdk() -> bool:
    """Load the official SDK, which takes a second or two; whether there is one."""
    try:
        import anthropic  # noqa: F401
    except ImportError:
        return False
    return True


@asynccontextmanager
async def client_for(base_url: str, model: str, protocol: str = "anthropic") -> AsyncIterator[Client]:
    """The official SDK where there is one for that protocol, else the plain client."""
    client: Client
    if protocol == "anthropic" and load_sdk():
        client = SdkClient(base_url, model)
    else:
        client = PlainClient(base_url, model, protocol)
    try:
        yield client
    finally:
        await client.close()


async def keep_asking(client: Client, clock: Clock, pause_s: float, hear: Callable[[Told], None]) -> None:
    """Ask, tell ``hear``, wait ``pause_s`` real seconds, and so on until cancelled."""
    while True:
        hear(await ask_once(client, clock))
        await asyncio.sleep(pause_s)


async def ask_once(client: Client, clock: Clock) -> Told:
    """One question, and what came of it."""
    asked_at = clock.now()
    came = await client.ask()
    upstream, reason = came.headers.get("x-stillup-upstream", ""), came.headers.get("x-stillup-reason", "")
    return Told(asked_at=asked_at, at=clock.now(), ok=came.ok, says=came.says.strip(), upstream=upstream, reason=reason)
