"""The makers' own SDKs, and a server on loopback that answers them with the bytes of the writers."""

from __future__ import annotations

import json
import ssl
from collections import deque
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import MappingProxyType

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.neutral import Stop

KEY = "dummy-key"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
STAMP = Stamp(id="abc123", created_s=1_700_000_000)
HELLO = [{"role": "user", "content": "hello"}]


class Got:
    """What an SDK's user has at the end."""

    def __init__(self, *, text, stop, thoughts="", calls=(), tokens=(None, None), model=""):
        self.text, self.stop, self.thoughts, self.calls = text, stop, thoughts, list(calls)
        self.tokens, self.model = tokens, model

    def __repr__(self):
        return f"Got({vars(self)})"


class Maker(ThreadingHTTPServer):
    """Answers every request with the same bytes, in pieces of so many."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.data, self.size, self.kind = b"", 1, ""
        self.bodies = deque(maxlen=2)

    def answers(self, data, *, stream=True, size=7):
        self.data, self.size = data, size
        self.kind = "text/event-stream" if stream else "application/json"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        maker = self.server
        maker.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", maker.kind)
        self.send_header("content-length", str(len(maker.data)))
        self.end_headers()
        for at in range(0, len(maker.data), maker.size):
            self.wfile.write(maker.data[at : at + maker.size])

    def log_message(self, *_):
        """Nothing is logged."""


@pytest.fixture(scope="module")
def maker():
    with Maker() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sdks(maker):
    """Each SDK with a client of its own, and no proxy before it."""
    options = types.HttpOptions(base_url=maker.url, client_args={"verify": TLS, "trust_env": False})
    claude = anthropic.Anthropic(
        base_url=maker.url,
        api_key=KEY,
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(verify=TLS, trust_env=False),
    )
    gpt = openai.OpenAI(
        base_url=f"{maker.url}/v1",
        api_key=KEY,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=TLS, trust_env=False),
    )
    gemini = genai.Client(api_key=KEY, http_options=options)
    with claude, gpt, gemini:
        yield {
            "messages": Anthropic(claude, maker),
            "chat": Chat(gpt, maker),
            "responses": Responses(gpt, maker),
            "gemini": Gemini(gemini, maker),
        }


@pytest.fixture(params=["messages", "chat", "responses", "gemini"])
def sdk(request, sdks):
    return sdks[request.param]


class Sdk:
    """One SDK, of which a user asks for an answer; the names that its answers have for their ends."""

    def __init__(self, client, maker):
        self.client, self._maker = client, maker

    def asked(self, *, stream, body=None):
        """The request as the gateway reads it."""
        dialect = dialect_of(self.protocol)
        path, query = dialect.address("m", stream)
        mine = dict(self.body) if self.protocol is Protocol.GEMINI else {**self.body, "stream": stream}
        return Ask(
            protocol=self.protocol,
            operation=Operation.GENERATE,
            method="POST",
            path=path,
            query=query,
            body=json.dumps(mine).encode() if body is None else body,
            model="m",
            stream=stream,
        )

    def writer(self, stamp=STAMP):
        """What writes an answer to it."""
        return dialect_of(self.protocol).writer(self.asked(stream=True), stamp)

    def streamed(self, data, size=7, **more):
        """What it makes of these events, that come in pieces of so many bytes."""
        self._maker.answers(data, size=size)
        return self.stream(**more)

    def of_whole(self, data):
        """What it makes of this answer."""
        self._maker.answers(data, stream=False)
        return self.whole()

    def brought_back(self, data, result):
        """The body of the next request, which brings back a streamed answer with the result of its last call."""
        self._maker.answers(data)
        self.bring_back(result)
        return self._maker.bodies[-1]


class Anthropic(Sdk):
    protocol = Protocol.ANTHROPIC
    body = MappingProxyType({"model": "m", "max_tokens": 9, "messages": HELLO})
    stops = MappingProxyType(
        {Stop.END: "end_turn", Stop.TOOLS: "tool_use", Stop.LENGTH: "max_tokens", Stop.REFUSED: "refusal"}
    )
    error = anthropic.APIError

    def stream(self):
        with self.client.messages.stream(**self.body) as events:
            told = "".join(event.text for event in events if event.type == "text")
            got = self.read(events.get_final_message())
        assert told == got.text
        return got

    def whole(self):
        return self.read(self.client.messages.create(**self.body))

    def bring_back(self, result):
        with self.client.messages.stream(**self.body) as events:
            content = events.get_final_message().content
        results = [{"type": "tool_result", "tool_use_id": content[-1].id, "content": result}]
        more = [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
        with self.client.messages.stream(**{**self.body, "messages": [*HELLO, *more]}) as events:
            events.until_done()

    def read(self, message):
        assert message.type == "message"
        blocks = message.content
        return Got(
            text="".join(block.text for block in blocks if block.type == "text"),
            thoughts="".join(block.thinking for block in blocks if block.type == "thinking"),
            calls=[(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"],
            stop=message.stop_reason,
            tokens=(
                message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0),
                message.usage.output_tokens,
            ),
            model=message.model,
        )


class Chat(Sdk):
    protocol = Protocol.OPENAI
    body = MappingProxyType({"model": "m", "messages": HELLO, "stream_options": {"include_usage": True}})
    stops = MappingProxyType({Stop.END: "stop", Stop.TOOLS: "tool_calls", Stop.LENGTH: "length", Stop.REFUSED: "stop"})
    error = openai.APIError

    def stream(self, **more):
        with self.client.chat.completions.stream(**self.body, **more) as events:
            told = "".join(event.delta for event in events if event.type == "content.delta")
            # The final one is refused where the limit was reached.
            got = self.read(events.current_completion_snapshot)
        assert told == got.text
        return got

    def whole(self):
        asked = {name: value for name, value in self.body.items() if name != "stream_options"}
        return self.read(self.client.chat.completions.create(**asked))

    def bring_back(self, result):
        with self.client.chat.completions.stream(**self.body) as events:
            message = events.get_final_completion().choices[0].message
        told = {"role": "tool", "tool_call_id": message.tool_calls[-1].id, "content": result}
        with self.client.chat.completions.stream(**{**self.body, "messages": [*HELLO, message, told]}) as events:
            events.until_done()

    def read(self, completion):
        (choice,) = completion.choices
        message = choice.message
        calls = message.tool_calls or ()
        usage = completion.usage
        return Got(
            text=message.content or "",
            thoughts=(message.model_extra or {}).get("reasoning_content", ""),
            calls=[(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls],
            stop=choice.finish_reason,
            tokens=(usage.prompt_tokens, usage.completion_tokens) if usage else (None, None),
            model=completion.model,
        )


class Responses(Sdk):
    protocol = Protocol.RESPONSES
    body = MappingProxyType({"model": "m", "input": "hello"})
    stops = MappingProxyType(
        {Stop.END: "completed", Stop.TOOLS: "completed", Stop.LENGTH: "incomplete", Stop.REFUSED: "completed"}
    )
    error = openai.APIError

    def stream(self, **more):
        with self.client.responses.stream(**self.body, **more) as events:
            seen = list(events)
        assert seen[-1].type in {"response.completed", "response.incomplete"}
        got = self.read(seen[-1].response)
        assert [event.sequence_number for event in seen] == list(range(len(seen)))
        assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == got.text
        return got

    def whole(self):
        return self.read(self.client.responses.create(**self.body))

    def bring_back(self, result):
        with self.client.responses.stream(**self.body) as events:
            output = events.get_final_response().output
        told = {"type": "function_call_output", "call_id": output[-1].call_id, "output": result}
        with self.client.responses.stream(**{**self.body, "input": [*HELLO, *output, told]}) as events:
            events.until_done()

    def read(self, response):
        thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
        calls = [item for item in response.output if item.type == "function_call"]
        usage = response.usage
        return Got(
            text=response.output_text,
            thoughts="".join(thoughts),
            calls=[(call.call_id, call.name, json.loads(call.arguments)) for call in calls],
            stop=response.status,
            tokens=(usage.input_tokens, usage.output_tokens) if usage else (None, None),
            model=response.model,
        )


class Gemini(Sdk):
    protocol = Protocol.GEMINI
    body = MappingProxyType({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
    stops = MappingProxyType({Stop.END: "STOP", Stop.TOOLS: "STOP", Stop.LENGTH: "MAX_TOKENS"})
    error = errors.APIError

    def stream(self):
        return self.read(list(self.client.models.generate_content_stream(model="m", contents="hello")))

    def whole(self):
        return self.read([self.client.models.generate_content(model="m", contents="hello")])

    def bring_back(self, result):
        ask = partial(self.client.models.generate_content_stream, model="m")
        contents = [piece.candidates[0].content for piece in ask(contents="hello") if piece.candidates]
        answer = types.Content(role="model", parts=[part for one in contents if one for part in one.parts or ()])
        call = answer.parts[-1].function_call
        told = types.FunctionResponse(name=call.name, id=call.id, response={"result": result})
        user = types.Content(role="user", parts=[types.Part(text="hello")])
        list(ask(contents=[user, answer, types.Content(role="user", parts=[types.Part(function_response=told)])]))

    def read(self, pieces):
        contents = [piece.candidates[0].content for piece in pieces if piece.candidates]
        parts = [part for content in contents if content for part in content.parts or ()]
        calls = [part.function_call for part in parts if part.function_call]
        usage = next((piece.usage_metadata for piece in reversed(pieces) if piece.usage_metadata), None)
        stop = [piece.candidates[0].finish_reason for piece in pieces if piece.candidates][-1]
        return Got(
            text="".join(part.text for part in parts if part.text and not part.thought),
            thoughts="".join(part.text for part in parts if part.text and part.thought),
            calls=[(None, call.name, call.args) for call in calls],
            stop=stop and stop.value,
            tokens=(
                usage and usage.prompt_token_count,
                usage and (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            ),
            model=pieces[-1].model_version,
        )
