"""What a client asks of the scripted provider, read from its request. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct


class Dialect(StrEnum):
    """Whose protocol is spoken."""

    ANTHROPIC = "anthropic"
    CHAT = "chat"
    RESPONSES = "responses"
    GEMINI = "gemini"
    DEEPL = "deepl"
    OLLAMA = "ollama"
    LLAMACPP = "llamacpp"
    CONVERSE = "converse"


class What(StrEnum):
    """What is asked for."""

    GENERATE = "generate"
    COUNT = "count"
    EMBED = "embed"
    MODELS = "models"
    MODEL = "model"
    STORED = "stored"
    ABOUT = "about"
    """What the server says of itself: its health, its version, what is used up."""
    SHOW = "show"
    """What is known of one model; the request names it in its body."""
    NOTHING = "nothing"
    """No such address."""


class Tool(Struct, frozen=True):
    """A tool to call and what with."""

    name: str
    arguments: dict[str, Any]
    is_free: bool = False
    """It takes a text of no form, the argument ``input``: a custom tool of OpenAI's."""


class Call(Struct, frozen=True, kw_only=True):
    """One request, understood as far as an answer needs. ``key`` is the same for the same request."""

    dialect: Dialect
    what: What
    method: str
    path: str
    key: str
    model: str = ""
    stream: bool = False
    is_array: bool = False
    """Gemini's stream as one JSON array."""
    is_bedrock: bool = False
    body: dict[str, Any] = {}
    tool: Tool | None = None
    thinks: bool = False
    most_tokens: int | None = None
    wants_usage: bool = False
    has_key: bool = False
    problem: str = ""
    """Why it is no proper request."""

    @property
    def is_counted_at_bedrock(self) -> bool:
        """Tokens are to be counted there, in whichever form it is asked."""
        return self.what is What.COUNT and self.path.endswith("/count-tokens")

    @property
    def is_lost(self) -> bool:
        """Nothing stands at its address."""
        return self.what is What.NOTHING


_G, _A, _R = Dialect.GEMINI, Dialect.ANTHROPIC, Dialect.RESPONSES
_D, _O, _L = Dialect.DEEPL, Dialect.OLLAMA, Dialect.LLAMACPP
_PATHS: tuple[tuple[re.Pattern[str], Dialect, What], ...] = tuple(
    (re.compile(pattern), dialect, what)
    for pattern, dialect, what in (
        (r"/messages/count_tokens$", _A, What.COUNT),
        (r"/messages$", _A, What.GENERATE),
        (r"/publishers/anthropic/models/count-tokens:rawPredict$", _A, What.COUNT),
        (r"/publishers/anthropic/models/(?P<model>[^/:]+):(?P<verb>streamRawPredict|rawPredict)$", _A, What.GENERATE),
        (r"/model/(?P<model>.+)/(?P<verb>invoke-with-response-stream|invoke)$", _A, What.GENERATE),
        (r"/model/(?P<model>.+)/(?P<verb>converse-stream|converse)$", Dialect.CONVERSE, What.GENERATE),
        (r"/model/(?P<model>.+)/count-tokens$", _A, What.COUNT),
        (r"/deployments/(?P<model>[^/]+)/chat/completions$", Dialect.CHAT, What.GENERATE),
        (r"/chat/completions$", Dialect.CHAT, What.GENERATE),
        (r"/deployments/(?P<model>[^/]+)/embeddings$", Dialect.CHAT, What.EMBED),
        (r"/embeddings$", Dialect.CHAT, What.EMBED),
        (r"/responses$", _R, What.GENERATE),
        (r"/responses/input_tokens$", _R, What.COUNT),
        (r"/responses/(?P<model>[^/]+)(/cancel|/input_items)?$", _R, What.STORED),
        (r"/models/(?P<model>[^:]+):(?P<verb>streamGenerateContent|generateContent)$", _G, What.GENERATE),
        (r"/models/(?P<model>[^:]+):countTokens$", _G, What.COUNT),
        (r"/models/(?P<model>[^:]+):(embedContent|batchEmbedContents)$", _G, What.EMBED),
        (r"/v2/translate$", _D, What.GENERATE),
        (r"/v2/(usage|languages)$", _D, What.ABOUT),
        (r"/api/(chat|generate)$", _O, What.GENERATE),
        (r"/api/embed$", _O, What.EMBED),
        (r"/api/show$", _O, What.SHOW),
        (r"/api/(tags|version|ps)$", _O, What.ABOUT),
        (r"/completion$", _L, What.GENERATE),
        (r"/(health|props)$", _L, What.ABOUT),
        (r"/models$", Dialect.CHAT, What.MODELS),
        (r"/models/(?P<model>[^:]+)$", Dialect.CHAT, What.MODEL),
    )
)
_WITH_BODY = frozenset({What.GENERATE, What.COUNT, What.EMBED, What.SHOW})
_NO_MODEL = frozenset({Dialect.DEEPL, Dialect.LLAMACPP})
"""Where a request need not say which model is meant: there is one."""
_STREAMS_BY_ITSELF = frozenset({Dialect.OLLAMA})
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")
_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")


def read_call(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Understand one request; ``target`` is its path with query, header names are in lower case."""
    url = urlsplit(target)
    path, query = unquote(url.path), parse_qs(url.query)
    dialect, what, found = _place(path, headers, query)
    key = blake2b(target.encode() + b"\0" + body, digest_size=8).hexdigest()
    call = Call(
        dialect=dialect,
        what=what,
        method=method,
        path=path,
        key=key,
        model=found.get("model") or "",
        has_key=any(headers.get(name) for name in _CREDENTIALS) or "key" in query,
    )
    if (method == "POST") != (what in _WITH_BODY) and what not in (What.STORED, What.NOTHING):
        return msgspec.structs.replace(call, problem=f"{method} is not allowed here")
    if what not in _WITH_BODY:
        return call
    if dialect is Dialect.DEEPL and "json" not in headers.get("content-type", "json"):
        form = parse_qs(body.decode("utf-8", "replace"))
        return _with_body(call, form | {"target_lang": "".join(form.get("target_lang", ()))}, "", query)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.structs.replace(call, problem="the body is not JSON")
    if not isinstance(value, dict):
        return msgspec.structs.replace(call, problem="the body is not an object")
    return _with_body(call, value, found.get("verb") or "", query)


def _place(
    path: str, headers: Mapping[str, str], query: Mapping[str, list[str]]
) -> tuple[Dialect, What, dict[str, str | None]]:
    for pattern, dialect, what in _PATHS:
        found = pattern.search(path)
        if found is not None:
            listed = what in (What.MODELS, What.MODEL)
            return _who_asks(path, headers, query) if listed else dialect, what, found.groupdict()
    return _who_asks(path, headers, query), What.NOTHING, {}


def _who_asks(path: str, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> Dialect:
    if "anthropic-version" in headers or "x-api-key" in headers:
        return Dialect.ANTHROPIC
    if "x-goog-api-key" in headers or "key" in query or "/v1beta/" in path or "/publishers/google/" in path:
        return Dialect.GEMINI
    return Dialect.CHAT


def _with_body(call: Call, body: dict[str, Any], verb: str, query: Mapping[str, list[str]]) -> Call:
    model = call.model or body.get("model") or ("simulated-1" if call.dialect in _NO_MODEL else "")
    if not isinstance(model, str) or not model:
        return msgspec.structs.replace(call, problem="model: Field required")
    if call.dialect is Dialect.DEEPL and not (body.get("text") and body.get("target_lang")):
        return msgspec.structs.replace(call, problem="Bad request. Reason: Parameter 'text' or 'target_lang' missing.")
    options = body.get("stream_options")
    thinking = body.get("thinking")
    streams = body.get("stream", call.dialect in _STREAMS_BY_ITSELF)
    most = _most_tokens(body)
    return msgspec.structs.replace(
        call,
        model=model,
        body=body,
        stream=(streams is True or "stream" in verb.lower()) and call.dialect is not Dialect.DEEPL,
        is_array=call.dialect is Dialect.GEMINI and query.get("alt") != ["sse"],
        is_bedrock="invoke" in verb or call.dialect is Dialect.CONVERSE,
        tool=_wanted_tool(call.dialect, body),
        thinks=isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive"),
        most_tokens=most,
        wants_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def _most_tokens(body: Mapping[str, Any]) -> int | None:
    """The client's limit, wherever its protocol has it."""
    inner = [body.get("generationConfig"), body.get("options"), body.get("inferenceConfig")]
    google, ollama, amazon = ((part if isinstance(part, dict) else {}) for part in inner)
    found = [google.get("maxOutputTokens"), ollama.get("num_predict"), amazon.get("maxTokens")]
    found += [body.get(key) for key in _LIMITS]
    return next((most for most in found if isinstance(most, int) and most > 0), None)


def _wanted_tool(dialect: Dialect, body: Mapping[str, Any]) -> Tool | None:
    """The tool to call: one for the weather, or the first when one must be called; none once it has answered."""
    config = body.get("toolConfig") if dialect is Dialect.CONVERSE else None
    about = config if isinstance(config, dict) else body
    tools = [t for t in _offered(dialect, about.get("tools")) if isinstance(t.get("name"), str)]
    if not tools or _has_result(dialect, body):
        return None
    choice = body.get("tool_choice") or (about.get("toolChoice") if about is config else _mode(body))
    kind = (choice.get("type") or next(iter(choice), None)) if isinstance(choice, dict) else choice
    if kind == "none":
        return None
    tool = next((t for t in tools if "weather" in t["name"].lower()), None)
    if tool is None and kind in ("any", "required", "tool", "function"):
        tool = tools[0]
    return None if tool is None else Tool(tool["name"], _arguments(tool))


def _mode(body: Mapping[str, Any]) -> str:
    """Gemini's word for whether a tool must be called, as the others have it."""
    config = body.get("toolConfig")
    calling = config.get("functionCallingConfig") if isinstance(config, dict) else None
    return str(calling.get("mode")).lower() if isinstance(calling, dict) else ""


def _offered(dialect: Dialect, tools: object) -> list[dict[str, Any]]:
    rows = [t for t in tools if isinstance(t, dict)] if isinstance(tools, list) else []
    if dialect in (Dialect.CHAT, Dialect.OLLAMA):
        return [t["function"] for t in rows if isinstance(t.get("function"), dict)]
    if dialect is Dialect.CONVERSE:
        return [t["toolSpec"] for t in rows if isinstance(t.get("toolSpec"), dict)]
    if dialect is Dialect.GEMINI:
        named = [t.get("functionDeclarations") or t.get("function_declarations") or () for t in rows]
        return [d for declared in named for d in declared if isinstance(d, dict)]
    return rows


def _has_result(dialect: Dialect, body: Mapping[str, Any]) -> bool:
    """The last thing said is a tool's answer."""
    said = body.get({Dialect.GEMINI: "contents", Dialect.RESPONSES: "input"}.get(dialect, "messages"))
    last = said[-1] if isinstance(said, list) and said else None
    if not isinstance(last, dict):
        return False
    if last.get("role") == "tool" or last.get("type") in ("function_call_output", "custom_tool_call_output"):
        return True
    parts = last.get("content") or last.get("parts")
    rows = parts if isinstance(parts, list) else []
    kinds = ("functionResponse", "toolResult")
    return any(isinstance(p, dict) and (p.get("type") == "tool_result" or any(k in p for k in kinds)) for p in rows)


def _arguments(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Something for every argument that is required; Paris where nothing is said of them."""
    amazon = tool.get("inputSchema")
    schema = tool.get("input_schema") or tool.get("parameters") or tool.get("parametersJsonSchema")
    schema = schema or (amazon.get("json") if isinstance(amazon, dict) else None)
    fields = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(fields, dict):
        return {"location": "Paris"}
    wanted = schema.get("required") or list(fields)[:1]
    return {name: _something(fields.get(name)) for name in wanted if isinstance(name, str)}


def _something(field: object) -> object:
    if not isinstance(field, dict):
        return "Paris"
    if isinstance(field.get("enum"), list) and field["enum"]:
        return field["enum"][0]
    plain = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return plain.get(str(field.get("type")).lower(), "Paris")
