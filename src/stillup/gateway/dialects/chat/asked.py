"""A request's body in typed shapes. Nearly every member may be null; what is not read here is not in them."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.dialects.chat.media import Audio, File, Url
from stillup.gateway.dialects.lenient import NULL


class CacheControl(Struct, gc=False):
    """A cache marker, which OpenRouter and others take as Anthropic writes it."""

    ttl: str | None = None


class Part(Struct, gc=False):
    """One part of a message's content."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | Url | None = None
    video_url: str | Url | None = None
    input_audio: Audio | None = None
    file: File | None = None
    cache_control: CacheControl | None = None


class Function(Struct, gc=False):
    """What is called. ``arguments`` is text by the book; some send the object itself."""

    name: str = ""
    arguments: Raw = NULL


class ToolCall(Struct, gc=False):
    """A call of an earlier answer."""

    id: str | None = None
    type: str | None = None
    function: Function | None = None


class UrlCitation(Struct, gc=False):
    """Where words stand, in characters of the content."""

    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(Struct, gc=False):
    """Something about a part of the content."""

    type: str | None = None
    url_citation: UrlCitation | None = None


class Message(Struct, gc=False):
    """A message of any role."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[Raw] | None = None
    tool_call_id: str | None = None
    function_call: Function | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Raw = NULL
    annotations: list[Annotation] | None = None
    audio: Raw = NULL


class FunctionTool(Struct, gc=False):
    """A tool of the client's."""

    name: str
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None


class Tool(Struct, gc=False):
    """A tool; every type but ``function`` is one that only some servers know."""

    type: str | None = None
    function: FunctionTool | None = None
    cache_control: CacheControl | None = None


class Named(Struct, gc=False):
    """A tool by its name."""

    name: str = ""


class NamedTool(Struct, gc=False):
    """One of the allowed tools."""

    type: str | None = None
    function: Named | None = None


class Allowed(Struct, gc=False):
    """Some of the tools; ``mode`` is ``auto`` or ``required``."""

    mode: str = "auto"
    tools: list[NamedTool] = []


class Choice(Struct, gc=False):
    """Which tool must be called."""

    type: str | None = None
    function: Named | None = None
    allowed_tools: Allowed | None = None


class JsonSchema(Struct, gc=False):
    """What the answer must look like."""

    name: str | None = None
    description: str | None = None
    schema: Raw = NULL
    strict: bool | None = None


class Format(Struct, gc=False):
    """``text``, ``json_object`` or ``json_schema``."""

    type: str = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(Struct, gc=False):
    """What a stream holds beside its content."""

    include_usage: bool | None = None


class Reasoning(Struct, gc=False):
    """OpenRouter's word for how to think."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class Switch(Struct, gc=False):
    """DeepSeek's and others' word for whether to think: ``enabled`` or ``disabled``."""

    type: str | None = None


class Body(Struct, gc=False):
    """A request."""

    messages: list[Message]
    model: str = ""
    tools: list[Raw] | None = None
    functions: list[FunctionTool] | None = None
    tool_choice: str | Choice | None = None
    function_call: str | Named | None = None
    parallel_tool_calls: bool | None = None
    response_format: Format | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    random_seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    thinking: Switch | None = None
    modalities: list[str] | None = None
    web_search_options: Raw = NULL


READ = frozenset(field.encode_name for field in msgspec.structs.fields(Body))
"""The members that are read. The rest are hints, or unknown."""
HINTS = frozenset(
    {
        "logit_bias",
        "metadata",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
        "verbosity",
    }
)
"""They change how an answer is made or kept, not what was asked."""
MEANS = frozenset(
    {
        "grammar",
        "guided_choice",
        "guided_grammar",
        "guided_json",
        "guided_regex",
        "models",
        "plugins",
        "structured_outputs",
    }
)
"""What compatible servers take and no other dialect has: without it the answer would be another."""
ABOUT_GOING_ON = frozenset({"add_generation_prompt", "continue_final_message", "audio"})
"""Without a part in a conversation: a last message of the assistant's says the first two, ``modalities`` the third."""
