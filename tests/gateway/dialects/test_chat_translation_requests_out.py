"""A prompt written as a Chat Completions request, and read again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.chat.translation import DIALECT
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    Cache,
    Call,
    Choose,
    Citation,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Prompt,
    Result,
    Role,
    Sampling,
    Schema,
    Seal,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
)
from tests.gateway.dialects.chat_bodies import HELLO, PNG, SCHEMA, assistant, raw_ask, user, write


def read(*messages, **more):
    return DIALECT.read_prompt(
        raw_ask(json.dumps({"model": "gpt-4o", "messages": messages or [HELLO], **more}).encode())
    )


def said(*messages, model="gpt-4o"):
    body, losses = write(Prompt(model=model, messages=messages))
    return body["messages"], losses


def test_one_text_is_a_plain_string_and_several_are_parts():
    prompt = Prompt(system=(Text(text="s"),), messages=(user(Text(text="a"), Text(text="b"), name="ann"),))
    body, losses = write(prompt)
    assert body["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ann"},
    ]
    assert losses == []


LIMIT_TABLE = [
    ("gpt-4o", "max_tokens"),
    ("gpt-oss-120b", "max_tokens"),
    ("qwen3:8b", "max_tokens"),
    ("deepseek-chat", "max_tokens"),
    ("o3-mini", "max_completion_tokens"),
    ("openai/o4-mini", "max_completion_tokens"),
    ("gpt-5.1", "max_completion_tokens"),
    ("ft:gpt-5-mini:org::id", "max_completion_tokens"),
    ("omni-moderation", "max_tokens"),
    ("", "max_tokens"),
]


@pytest.mark.parametrize(("model", "member"), LIMIT_TABLE)
def test_the_limit_is_max_tokens_but_for_openais_newer_models(model, member):
    body, _ = write(Prompt(model=model, messages=(user(Text(text="a")),), max_tokens=9))
    assert {name for name in body if name.startswith("max_")} == {member}


def test_calls_and_their_results_are_written_each_result_in_a_message_of_its_own():
    calls = (Call(id="1", name="f", arguments='{"a":1}'), Call(id="2", name="g"))
    results = (Result(id="1", parts=(Text(text="x"),)), Result(id="2"))
    messages, losses = said(assistant(Text(text="so"), *calls), user(*results, Text(text="and?")))
    assert messages == [
        {
            "role": "assistant",
            "content": "so",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "content": "x", "tool_call_id": "1"},
        {"role": "tool", "content": "", "tool_call_id": "2"},
        {"role": "user", "content": "and?"},
    ]
    assert losses == []


def test_images_in_results_follow_behind_the_last_result_and_name_their_call():
    image = Media(kind=Kind.IMAGE, media_type="image/png", data=PNG)
    first = Result(id="1", name="look", parts=(Text(text="x"), image))
    messages, _ = said(user(first), user(Result(id="2", parts=(image,))), user(Text(text="and?")))
    assert [message["role"] for message in messages] == ["tool", "tool", "user"]
    assert messages[1]["content"] == "The result follows in the user's message."
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    assert messages[2]["content"] == [
        {"type": "text", "text": "This is part of the result of 1 (look):"},
        url,
        {"type": "text", "text": "This is part of the result of 2:"},
        url,
        {"type": "text", "text": "and?"},
    ]


def test_images_in_the_last_results_follow_at_the_end_and_before_an_answer():
    image = Media(kind=Kind.IMAGE, url="https://a/b.png")
    result = user(Result(id="1", parts=(image,)))
    assert [message["role"] for message in said(result)[0]] == ["tool", "user"]
    answered = said(result, assistant(Text(text="nice")))[0]
    assert [message["role"] for message in answered] == ["tool", "user", "assistant"]
    system = said(result, Message(role=Role.SYSTEM, parts=(Text(text="s"),)))[0]
    assert [message["role"] for message in system] == ["tool", "user", "system"]


def test_a_failed_result_without_words_says_that_it_failed():
    messages, losses = said(user(Result(id="1", is_error=True)))
    assert messages[0]["content"] == "The call failed."
    assert losses == ["error mark of a tool's result"]


MEDIA_TABLE = [
    (
        Media(kind=Kind.IMAGE, url="https://a/b", detail="high"),
        [{"type": "image_url", "image_url": {"url": "https://a/b", "detail": "high"}}],
    ),
    (
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="AAAA"),
        [{"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}}],
    ),
    (
        Media(kind=Kind.DOCUMENT, text="body", name="a.txt", context="mine"),
        [{"type": "text", "text": "About a.txt: mine"}, {"type": "text", "text": "a.txt:\n\nbody"}],
    ),
    (
        Media(kind=Kind.DOCUMENT, media_type="text/plain", data="Ym9keQ=="),
        [{"type": "text", "text": "document:\n\nbody"}],
    ),
    (
        Media(kind=Kind.DOCUMENT, file_id="file-1", origin=Protocol.OPENAI),
        [{"type": "file", "file": {"file_id": "file-1"}}],
    ),
    (
        Media(kind=Kind.AUDIO, media_type="audio/x-wav", data="AAAA"),
        [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
    ),
]


@pytest.mark.parametrize(("media", "written"), MEDIA_TABLE)
def test_each_medium_is_written(media, written):
    messages, _ = said(user(media, Text(text="z")))
    assert messages[0]["content"][:-1] == written


UNTRANSLATABLE_TABLE = [
    Media(kind=Kind.IMAGE, file_id="file_1", origin=Protocol.ANTHROPIC),
    Media(kind=Kind.DOCUMENT, file_id="file_1", origin=Protocol.ANTHROPIC),
    Media(kind=Kind.DOCUMENT, url="https://a/b.pdf"),
    Media(kind=Kind.DOCUMENT, media_type="text/plain", data="*"),
    Media(kind=Kind.AUDIO, media_type="audio/ogg", data="AAAA"),
    Media(kind=Kind.AUDIO, media_type="audio/wav", url="https://a"),
    Media(kind=Kind.VIDEO, url="https://a/b.mp4"),
    Foreign(origin=Protocol.ANTHROPIC, what="server_tool_use", raw=b"{}"),
    Call(id="1", name="f"),
]


@pytest.mark.parametrize("part", UNTRANSLATABLE_TABLE)
def test_what_a_user_cannot_say_here_is_refused_with_its_place(part):
    with pytest.raises(Untranslatable, match=r"^messages\[1\]\.content\[1\]: "):
        said(user(Text(text="a")), user(Text(text="b"), part))


@pytest.mark.parametrize(
    "part", [Media(kind=Kind.IMAGE, url="https://a"), Foreign(origin=Protocol.GEMINI, what="code", raw=b"{}")]
)
def test_what_the_assistant_cannot_have_said_here_is_refused_with_its_place(part):
    with pytest.raises(Untranslatable, match=r"^messages\[0\]\.content\[0\]: "):
        said(assistant(part))


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(count=2),
        Prompt(logprobs=0),
        Prompt(previous="resp_1"),
        Prompt(server_tools=(Foreign(origin=Protocol.ANTHROPIC, what="web_search", raw=b"{}"),)),
    ],
)
def test_what_would_mean_something_else_is_refused(prompt):
    with pytest.raises(Untranslatable):
        write(prompt)


def test_a_custom_call_goes_back_as_it_came():
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    prompt = read(HELLO, {"role": "assistant", "tool_calls": [custom]})
    assert write(prompt)[0]["messages"][1]["tool_calls"] == [custom]


def test_hints_go_to_openais_models_and_are_named_elsewhere():
    prompt = read(user="u", store=True, service_tier="auto", foo=1)
    body, losses = write(prompt)
    assert (body["user"], body["service_tier"]) == ("u", "auto")
    assert losses == ["store", "foo"]
    assert write(read(service_tier="standard_only", store=False))[1] == ["service_tier"]
    other = Prompt(model="qwen3", messages=prompt.messages, others=prompt.others)
    assert write(other)[1] == ["user", "store", "service_tier"]


def test_what_is_merely_left_out_is_named_once():
    marked = Text(text="a", cache=Cache(), citations=(Citation(url="u"),))
    thought = Thought(text="hm", seal=Seal(origin=Protocol.ANTHROPIC, data="x"))
    called = Call(id="1", name="f", cache=Cache())
    prompt = Prompt(
        messages=(user(marked, marked), assistant(thought, called, Text(text="b"))),
        tools=(Tool(name="f", cache=Cache()),),
        sampling=Sampling(top_k=4),
        thinking=Thinking(budget_tokens=4000, shown=True),
    )
    assert write(prompt)[1] == [
        "cache marker",
        "citations",
        "the order of words and calls",
        "another model's thoughts",
        "top_k",
        "thinking budget",
        "whether thoughts are shown",
    ]


EFFORT_TABLE = [
    ("gpt-5", Thinking(on=True, effort=Effort.XHIGH), {"reasoning_effort": "xhigh"}),
    ("gpt-5", Thinking(on=True, budget_tokens=1024), {"reasoning_effort": "low"}),
    ("gpt-5", Thinking(on=True, budget_tokens=8000), {"reasoning_effort": "medium"}),
    ("gpt-5", Thinking(on=True, budget_tokens=32000), {"reasoning_effort": "high"}),
    ("gpt-5", Thinking(on=False), {"reasoning_effort": "none"}),
    ("gpt-5", Thinking(on=True), {}),
    ("llama", Thinking(on=False), {}),
    ("deepseek-v4", Thinking(on=False), {"thinking": {"type": "disabled"}}),
    ("deepseek-v4", Thinking(on=True), {}),
]


@pytest.mark.parametrize(("model", "thinking", "written"), EFFORT_TABLE)
def test_how_to_think_is_written_in_the_words_of_the_models_maker(model, thinking, written):
    body, _ = write(Prompt(model=model, thinking=thinking))
    assert {name: body[name] for name in ("reasoning_effort", "thinking") if name in body} == written


def test_deepseek_gets_a_thought_with_each_answer_once_there_are_calls_and_nobody_else_gets_any():
    answers = [Thought(text="hm")], [Call(id="2", name="f")], [Text(text="So.")], [Text(text="a"), Text(text="b")]
    messages = tuple(
        assistant(*parts, Call(id="1", name="f")) if n == 0 else assistant(*parts) for n, parts in enumerate(answers)
    )
    deepseek, losses = said(*messages, model="deepseek-reasoner")
    assert [message["reasoning_content"] for message in deepseek] == ["hm", "I call 2.", "I answer: So.", "I answer: a"]
    assert losses == []
    assert "reasoning_content" not in said(*messages)[0][0]
    assert "reasoning_content" not in said(*messages[2:], model="deepseek-reasoner")[0][0]
    off = Prompt(model="deepseek-chat", messages=messages, thinking=Thinking(on=False))
    assert "reasoning_content" not in write(off)[0]["messages"][0]


def test_mistral_gets_ids_of_nine_characters_and_nothing_that_it_does_not_know():
    messages = (assistant(Call(id="toolu_1", name="f")), user(Result(id="toolu_1", parts=(Text(text="1"),))))
    body, _ = write(
        Prompt(model="mistral-large-latest", messages=messages, stream=True, sampling=Sampling(seed=3), max_tokens=9)
    )
    call_id = body["messages"][0]["tool_calls"][0]["id"]
    assert len(call_id) == 9
    assert body["messages"][1]["tool_call_id"] == call_id
    assert "stream_options" not in body
    assert body["random_seed"] == 3
    assert read(HELLO, random_seed=3).sampling.seed == 3
    kept, _ = said(assistant(Call(id="AbCdEfGh1", name="f")), model="mistral-large-latest")
    assert kept[0]["tool_calls"][0]["id"] == "AbCdEfGh1"


def test_an_id_that_openai_refuses_as_too_long_is_shortened_for_the_call_and_for_its_result():
    long = "x" * 41
    messages, _ = said(assistant(Call(id=long, name="f")), user(Result(id=long)))
    assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"]
    assert len(messages[1]["tool_call_id"]) <= 40


def test_a_choice_of_tools_is_written_only_beside_tools():
    assert "tool_choice" not in write(Prompt(tool_choice=ToolChoice(choose=Choose.NONE)))[0]
    tool = Tool(name="f", description="d", schema=b'{"type":"object"}', strict=True)
    body, _ = write(Prompt(tools=(tool,), tool_choice=ToolChoice(choose=Choose.ONE, name="f", parallel=False)))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        }
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize("form", [SCHEMA, {"type": "json_object"}])
def test_a_schema_goes_there_and_back(form):
    assert write(read(response_format=form))[0]["response_format"] == form


def test_a_schema_without_a_name_gets_one_since_there_must_be_one():
    body, _ = write(Prompt(schema=Schema(schema=b"{}")))
    assert body["response_format"]["json_schema"]["name"] == "answer"


def test_a_stream_is_asked_to_count():
    body, _ = write(Prompt(stream=True, stop=("a",)))
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["stop"] == ["a"]


MESSAGE = st.one_of(
    st.builds(lambda text: user(Text(text=text)), st.text(min_size=1)),
    st.builds(
        lambda text: assistant(Text(text=text), Call(id="c", name="f", arguments='{"a":1}')), st.text(min_size=1)
    ),
    st.builds(lambda text: user(Result(id="c", name="f", parts=(Text(text=text),))), st.text(min_size=1)),
    st.builds(lambda url: user(Media(kind=Kind.IMAGE, url="https://" + url), Text(text="x")), st.text()),
)


@given(
    first=st.text(min_size=1),
    messages=st.lists(MESSAGE, max_size=6),
    max_tokens=st.none() | st.integers(1, 10**6),
    temperature=st.none() | st.floats(0, 2),
    stop=st.lists(st.text(min_size=1), max_size=3),
)
def test_a_prompt_written_and_read_again_is_the_same(first, messages, max_tokens, temperature, stop):
    opening = assistant(Call(id="c", name="f"))
    prompt = Prompt(
        model="gpt-4o",
        system=(Text(text=first),),
        messages=(user(Text(text=first)), opening, *messages),
        tools=(Tool(name="f", schema=b'{"type":"object"}'),),
        max_tokens=max_tokens,
        sampling=Sampling(temperature=temperature),
        stop=tuple(stop),
    )
    losses = Losses()
    again = DIALECT.read_prompt(raw_ask(DIALECT.write_prompt(prompt, losses)))
    assert list(losses) == []
    assert again.system == prompt.system
    assert merged(again.messages) == merged(prompt.messages)
    assert (again.tools, again.max_tokens, again.sampling, again.stop) == (
        prompt.tools,
        prompt.max_tokens,
        prompt.sampling,
        prompt.stop,
    )


def merged(messages):
    found = []
    for message in messages:
        if found and found[-1][0] is message.role:
            found[-1][1].extend(message.parts)
        else:
            found.append((message.role, list(message.parts)))
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "role", "content", "function", "name", "tool_calls", "id", "file", "image_url"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
MEMBERS = ["tools", "tool_choice", "response_format", "functions", "reasoning", "stop", "stream_options", "other"]


@given(messages=JSON | st.lists(JSON), more=st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_no_body_makes_it_raise_anything_else(messages, more):
    body = json.dumps({"messages": messages, **more}).encode()
    try:
        prompt = DIALECT.read_prompt(raw_ask(body))
        DIALECT.write_prompt(prompt, Losses())
    except (Untranslatable, NoJson):
        pass
