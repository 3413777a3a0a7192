"""The official SDKs as clients, with no retry of theirs: what a program has in its hands at the end."""

from __future__ import annotations

import json
from typing import Any, Protocol, Self

from gateway.protocols import ANTHROPIC, GEMINI, KEY, OPENAI, RESPONSES
from gateway.tasks import PROMPT, Got, Json, Task, body

_PATIENCE_S = 30


class Client(Protocol):
    """Asks in one protocol."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def ask(self, model: str, task: Task) -> Got:
        """One answer; an error of the SDK is in it."""
        ...


def client(base: str, protocol: str) -> Client:
    """The SDK of a protocol's maker.

    :raises ImportError: it is not installed.
    """
    made: dict[str, type[_Sdk]] = {ANTHROPIC: _Anthropic, OPENAI: _Chat, RESPONSES: _Responses, GEMINI: _Gemini}
    return made[protocol](base)


class _Sdk:
    def __init__(self, base: str) -> None:
        self._sdk: Any = self.made(base)

    def made(self, base: str) -> object:
        """The SDK's client."""
        raise NotImplementedError

    async def asked(self, request: Json) -> Got:
        """One answer."""
        raise NotImplementedError

    def request(self, model: str, task: Task) -> Json:
        """What the SDK's method is given."""
        asked = body(self.protocol, model, task)
        asked.pop("stream")
        return asked

    protocol = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._sdk.close()

    async def ask(self, model: str, task: Task) -> Got:
        try:
            return await self.asked(self.request(model, task))
        except Exception as exc:  # noqa: BLE001 - whatever a program that uses the SDK would see
            return Got(error=f"{type(exc).__name__}: {str(exc)[:120]}")


class _Anthropic(_Sdk):
    protocol = ANTHROPIC

    def made(self, base: str) -> object:
        from anthropic import AsyncAnthropic

        return AsyncAnthropic(base_url=base, api_key=KEY, max_retries=0, timeout=_PATIENCE_S)

    async def asked(self, request: Json) -> Got:
        async with self._sdk.messages.stream(**request) as stream:
            message = await stream.get_final_message()
        got = Got(stop=message.stop_reason, output_tokens=message.usage.output_tokens)
        for block in message.content:
            if block.type == "text":
                got.text += block.text
            elif block.type == "thinking":
                got.thoughts.append(block.thinking)
            else:
                got.calls.append((block.name, json.dumps(block.input)))
        return got


class _Chat(_Sdk):
    protocol = OPENAI

    def made(self, base: str) -> object:
        from openai import AsyncOpenAI

        return AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0, timeout=_PATIENCE_S)

    async def asked(self, request: Json) -> Got:
        async with self._sdk.chat.completions.stream(**request) as stream:
            completion = await stream.get_final_completion()
        choice = completion.choices[0]
        thought = getattr(choice.message, "reasoning_content", "")
        return Got(
            text=choice.message.content or "",
            thoughts=[thought] if thought else [],
            calls=[(c.function.name, c.function.arguments) for c in choice.message.tool_calls or ()],
            stop=choice.finish_reason,
            output_tokens=completion.usage.completion_tokens,
        )


class _Responses(_Chat):
    protocol = RESPONSES

    async def asked(self, request: Json) -> Got:
        async with self._sdk.responses.stream(**request) as stream:
            response = await stream.get_final_response()
        tokens = response.usage.output_tokens if response.usage else 0
        got = Got(text=response.output_text, stop=response.status, output_tokens=tokens)
        for item in response.output:
            if item.type == "reasoning":
                got.thoughts.append("".join(part.text for part in item.summary))
            elif item.type == "function_call":
                got.calls.append((item.name, item.arguments))
        return got


class _Gemini(_Sdk):
    protocol = GEMINI

    def made(self, base: str) -> object:
        from google.genai import Client as Google
        from google.genai.types import HttpOptions

        options = HttpOptions(base_url=base, timeout=_PATIENCE_S * 1000)
        return Google(api_key=KEY, http_options=options)

    async def __aexit__(self, *error: object) -> None:
        await self._sdk.aio.aclose()
        self._sdk.close()

    def request(self, model: str, task: Task) -> Json:
        asked = body(self.protocol, model, task)
        config = asked.get("generationConfig", {}) | {k: asked[k] for k in ("tools",) if k in asked}
        config["automaticFunctionCalling"] = {"disable": True}
        return {"model": model, "contents": PROMPT, "config": config}

    async def asked(self, request: Json) -> Got:
        got, was_thought = Got(), False
        async for chunk in await self._sdk.aio.models.generate_content_stream(**request):
            candidate = chunk.candidates[0]
            for part in (candidate.content and candidate.content.parts) or ():
                if part.thought and not was_thought:
                    got.thoughts.append("")
                if part.thought:
                    got.thoughts[-1] += part.text
                elif part.function_call:
                    got.calls.append((part.function_call.name, json.dumps(part.function_call.args)))
                else:
                    got.text += part.text or ""
                was_thought = bool(part.thought)
            got.stop = candidate.finish_reason or got.stop
            usage = chunk.usage_metadata
            if usage and (usage.candidates_token_count or usage.thoughts_token_count):
                got.output_tokens = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        if not got.stop:
            got.error = "no reason for the end"
        return got
