"""What a request of OpenAI's Responses says in neutral words, and how a neutral prompt is asked there."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.dialect import Losses, Untranslatable, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Cache,
    Call,
    Choose,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Prompt,
    Refused,
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

ME = Protocol.RESPONSES
RESPONSES = dialect_of(ME)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def ask(body, *, operation=Operation.GENERATE):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Ask(protocol=ME, operation=operation, method="POST", path="/v1/responses", body=data, model="gpt-x")


def read(**body):
    return RESPONSES.read_prompt(ask({"model": "gpt-x", **body}))


def parts(*items):
    return [part for message in read(input=list(items)).messages for part in message.parts]


def user(*content):
    return {"type": "message", "role": "user", "content": list(content)}


def written(prompt, losses=None):
    return json.loads(RESPONSES.write_prompt(prompt, Losses() if losses is None else losses))


def told(*said, role=Role.USER, **rest):
    return Prompt(model="m", messages=(Message(role=role, parts=said),), **rest)


# --- read


def test_a_plain_string_is_what_a_user_says():
    assert read(input="Hello").messages == (Message(role=Role.USER, parts=(Text(text="Hello"),)),)


def test_instructions_and_what_a_developer_says_first_are_the_system_prompt():
    prompt = read(
        instructions="Be kind.",
        input=[
            {"role": "developer", "content": "Be short."},
            {"role": "system", "content": [{"type": "input_text", "text": "Be true."}]},
            {"role": "user", "content": "Hi"},
            {"role": "developer", "content": "Now rhyme."},
        ],
    )
    assert [text.text for text in prompt.system] == ["Be kind.", "Be short.", "Be true."]
    assert [message.role for message in prompt.messages] == [Role.USER, Role.SYSTEM]


def test_one_answer_in_several_items_is_one_message_and_so_are_the_results_of_its_calls():
    prompt = read(
        input=[
            {"role": "user", "content": "Weather?"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Bern"}'},
            {"type": "function_call", "call_id": "c2", "name": "time", "arguments": ""},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "noon"}]},
        ]
    )
    assert prompt.messages[1:] == (
        Message(
            role=Role.ASSISTANT,
            parts=(
                Thought(seal=Seal(origin=ME, data="enc", id="rs_1")),
                Text(text="I look."),
                Call(id="c1", name="weather", arguments='{"city":"Bern"}'),
                Call(id="c2", name="time"),
            ),
        ),
        Message(
            role=Role.USER,
            parts=(
                Result(id="c1", name="weather", parts=(Text(text="rain"),)),
                Result(id="c2", name="time", parts=(Text(text="noon"),)),
            ),
        ),
    )


MEDIA = [
    (
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
        Media(kind=Kind.IMAGE, media_type="image/png", data="QUJD", detail="low"),
    ),
    (
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        Media(kind=Kind.IMAGE, url="https://x.test/a.png"),
    ),
    ({"type": "input_image", "file_id": "file-1"}, Media(kind=Kind.IMAGE, file_id="file-1", origin=ME)),
    (
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="QUJD", name="a.pdf"),
    ),
    (
        {"type": "input_file", "file_data": "QUJD"},
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="QUJD"),
    ),
    ({"type": "input_file", "file_url": "https://x.test/a"}, Media(kind=Kind.DOCUMENT, url="https://x.test/a")),
    ({"type": "input_file", "file_id": "file-2"}, Media(kind=Kind.DOCUMENT, file_id="file-2", origin=ME)),
    (
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        Media(kind=Kind.AUDIO, media_type="audio/mpeg", data="QUJD"),
    ),
]


@pytest.mark.parametrize(("content", "media"), MEDIA)
def test_images_files_and_recordings_are_media(content, media):
    assert parts(user(content)) == [media]


def test_what_else_stands_in_messages_is_kept_for_its_own_dialect():
    refused, odd, reference = parts(
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        user({"type": "input_hologram", "x": 1}),
        {"type": "item_reference", "id": "msg_1"},
    )
    assert refused == Refused(text="No.")
    assert (odd.origin, odd.what, json.loads(odd.raw)) == (ME, "input_hologram", {"type": "input_hologram", "x": 1})
    assert (reference.origin, reference.what) == (ME, "item_reference")


def test_a_breakpoint_of_the_cache_is_a_marker():
    marked = {"type": "input_text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    assert parts(user(marked)) == [Text(text="long", cache=Cache())]


SAID = [
    ({"max_output_tokens": 99}, {"max_tokens": 99}),
    ({"temperature": 0.5, "top_p": 0.9}, {"sampling": Sampling(temperature=0.5, top_p=0.9)}),
    ({"reasoning": {"effort": "high"}}, {"thinking": Thinking(on=True, effort=Effort.HIGH)}),
    ({"reasoning": {"effort": "none", "summary": "auto"}}, {"thinking": Thinking(on=False, shown=True)}),
    ({"reasoning": {"summary": "detailed"}}, {"thinking": Thinking(shown=True)}),
    ({"text": {"format": {"type": "text"}}}, {"schema": None}),
    ({"text": {"format": {"type": "json_object"}}}, {"schema": Schema()}),
    (
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": {}, "strict": True}}},
        {"schema": Schema(schema=b"{}", name="a", strict=True)},
    ),
    ({"tool_choice": "required"}, {"tool_choice": ToolChoice(choose=Choose.ANY)}),
    ({"tool_choice": "none"}, {"tool_choice": ToolChoice(choose=Choose.NONE)}),
    (
        {"tool_choice": {"type": "function", "name": "f"}},
        {"tool_choice": ToolChoice(choose=Choose.ONE, name="f")},
    ),
    ({"parallel_tool_calls": False}, {"tool_choice": ToolChoice(parallel=False)}),
    ({"top_logprobs": 3}, {"logprobs": 3}),
    ({"include": ["message.output_text.logprobs"]}, {"logprobs": 0}),
    ({"previous_response_id": "resp_1"}, {"previous": "resp_1"}),
    ({"stream": True}, {"stream": True}),
    (
        {"tomorrow": 1, "store": False, "user": None, "include": [], "stream_options": {}},
        {"unknown": ("tomorrow",), "others": {}},
    ),
]


@pytest.mark.parametrize(("body", "expected"), SAID)
def test_how_to_answer_is_said_in_neutral_words(body, expected):
    prompt = read(input="Hi", **body)
    assert {name: getattr(prompt, name) for name in expected} == expected


def test_hints_keep_their_values_as_they_were_written():
    body = b'{"model":"m","input":"Hi","metadata":{"a": "b"},"text":{"verbosity":"low"},"store":true}'
    others = RESPONSES.read_prompt(ask(body)).others
    assert {name: bytes(raw) for name, raw in others.items()} == {
        "metadata": b'{"a": "b"}',
        "store": b"true",
        "verbosity": b'"low"',
    }


REFUSALS = [
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"background": True}, "background"),
    ({"input": 5}, "input"),
    ({"input": [5]}, "input[0]"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
    ({"input": [{"role": "developer", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content"),
    ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
    (
        {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "refusal"}]}]},
        "input[0].output",
    ),
    ({"text": {"format": {"type": "xml"}}}, "text.format"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
    ({"reasoning": {"effort": "heroic"}}, "reasoning.effort"),
    ({"tools": [{"name": "f"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]}, "tools[0].tools[0].name"),
    ({"tool_choice": "some"}, "tool_choice"),
    ({"tool_choice": {"type": "telepathy"}}, "tool_choice"),
    ({"max_output_tokens": "many"}, "max_output_tokens"),
]


@pytest.mark.parametrize(("body", "place"), REFUSALS)
def test_what_cannot_be_said_elsewhere_or_is_no_request_is_refused_with_its_place(body, place):
    with pytest.raises(Untranslatable) as refused:
        RESPONSES.read_prompt(ask({"model": "m", "input": "Hi", **body}))
    assert str(refused.value).startswith(f"{place}: ")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b""])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises((Untranslatable, NoJson)):
        RESPONSES.read_prompt(ask(body))


# --- written


def test_a_request_that_says_little_says_little_there_and_is_not_kept():
    losses = Losses()
    assert written(told(Text(text="Hi")), losses) == {
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "store": False,
    }
    assert list(losses) == []


def test_one_system_text_is_the_instructions_and_several_are_a_developers():
    one = written(told(Text(text="Hi"), system=(Text(text="Be kind."),)))
    two = written(told(Text(text="Hi"), system=(Text(text="Be kind."), Text(text="Be short."))))
    assert one["instructions"] == "Be kind."
    assert [part["text"] for part in two["input"][0]["content"]] == ["Be kind.", "Be short."]
    assert two["input"][0]["role"] == "developer"


def test_calls_results_and_thoughts_are_items_between_the_messages():
    seal = Seal(origin=ME, data="enc", id="rs_1")
    foreign = Seal(origin=Protocol.ANTHROPIC, data="sig")
    losses = Losses()
    image = Media(kind=Kind.IMAGE, media_type="image/png", data="QUJD")
    prompt = Prompt(
        model="m",
        messages=(
            Message(
                role=Role.ASSISTANT,
                parts=(
                    Thought(text="Hm", seal=seal),
                    Thought(text="Hm?", seal=foreign),
                    Text(text="I look."),
                    Call(id="x" * 70, name="f"),
                    Refused(text="No."),
                ),
            ),
            Message(
                role=Role.USER,
                parts=(
                    Result(id="x" * 70, parts=(Text(text="a"), image), is_error=True),
                    Result(id="c2"),
                    Text(text="And?"),
                ),
            ),
        ),
    )
    items = written(prompt, losses)["input"]
    summary = [{"type": "summary_text", "text": "Hm"}]
    assert items[0] == {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "enc"}
    assert items[1]["content"] == [{"type": "output_text", "text": "I look.", "annotations": []}]
    assert items[2]["call_id"] == items[4]["call_id"]
    assert len(items[2]["call_id"]) < 64
    assert items[3]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert [part["type"] for part in items[4]["output"]] == ["input_text", "input_image"]
    assert items[5] == {"type": "function_call_output", "call_id": "c2", "output": ""}
    assert items[6]["role"] == "user"
    assert list(losses) == ["another model's thoughts", "error mark of a tool's result"]


FILES = [
    (Media(kind=Kind.IMAGE, url="https://x.test/a"), {"type": "input_image", "image_url": "https://x.test/a"}),
    (Media(kind=Kind.IMAGE, file_id="file-1", origin=ME), {"type": "input_image", "file_id": "file-1"}),
    (Media(kind=Kind.DOCUMENT, file_id="file-1", origin=ME), {"type": "input_file", "file_id": "file-1"}),
    (
        Media(kind=Kind.DOCUMENT, url="https://x.test/a", name="a"),
        {"type": "input_file", "file_url": "https://x.test/a", "filename": "a"},
    ),
    (
        Media(kind=Kind.DOCUMENT, text="Plain", media_type="text/plain"),
        {"type": "input_file", "filename": "document.txt", "file_data": "data:text/plain;base64,UGxhaW4="},
    ),
]


@pytest.mark.parametrize(("media", "expected"), FILES)
def test_media_are_images_and_files(media, expected):
    content = written(told(media))["input"][0]["content"][0]
    assert expected.items() <= content.items()


UNSAYABLE = [
    (told(count=2), "n: "),
    (told(logprobs=0), "logprobs: "),
    (told(previous="resp_1"), "previous_response_id: "),
    (told(Media(kind=Kind.VIDEO, data="x")), "messages[0].content[0]: "),
    (told(Media(kind=Kind.AUDIO, data="x")), "messages[0].content[0]: "),
    (told(Media(kind=Kind.IMAGE, text="x")), "messages[0].content[0]: "),
    (told(Media(kind=Kind.IMAGE, data="x"), role=Role.ASSISTANT), "messages[0].content[0]: "),
    (told(Media(kind=Kind.IMAGE, file_id="f", origin=Protocol.GEMINI)), "messages[0].content[0]: "),
    (told(Foreign(origin=Protocol.ANTHROPIC, what="server_tool_use", raw=b"{}")), "messages[0].content[0]: "),
    (told(server_tools=(Foreign(origin=Protocol.GEMINI, what="googleSearch", raw=b"{}"),)), "tools: "),
]


@pytest.mark.parametrize(("prompt", "place"), UNSAYABLE)
def test_what_would_mean_something_else_is_refused(prompt, place):
    with pytest.raises(Untranslatable) as refused:
        written(prompt)
    assert str(refused.value).startswith(place)


def test_hints_that_responses_does_not_know_are_lost_by_name():
    losses = Losses()
    prompt = told(
        Text(text="Hi", cache=Cache()),
        Media(kind=Kind.DOCUMENT, data="QUJD", cited=True, context="of me"),
        max_tokens=4,
        sampling=Sampling(top_k=5, seed=1),
        thinking=Thinking(on=True, budget_tokens=4_000),
        tools=(Tool(name="f", cache=Cache()),),
        unknown=("tomorrow",),
        others=RESPONSES.read_prompt(
            ask({"model": "m", "input": "x", "service_tier": "flex", "user": "u", "metadata": {"a": "b"}})
        ).others,
    )
    body = written(prompt, losses)
    assert set(losses) == {
        "cache marker",
        "citations",
        "a document's context",
        "a limit below 16 tokens",
        "top_k",
        "seed",
        "thinking budget",
        "metadata",
        "tomorrow",
    }
    assert (body["max_output_tokens"], body["reasoning"]) == (16, {"effort": "medium"})
    assert (body["service_tier"], body["user"]) == ("flex", "u")


THOUGHT = [
    (Thinking(on=False), {"effort": "none"}),
    (Thinking(on=True), None),
    (Thinking(on=True, effort=Effort.MAX, shown=True), {"effort": "max", "summary": "auto"}),
    (Thinking(on=True, budget_tokens=1_024), {"effort": "low"}),
    (Thinking(on=True, budget_tokens=50_000), {"effort": "high"}),
]


@pytest.mark.parametrize(("thinking", "expected"), THOUGHT)
def test_how_long_to_think_is_an_effort(thinking, expected):
    assert written(told(Text(text="Hi"), thinking=thinking)).get("reasoning") == expected


def test_stop_sequences_are_left_to_the_gateway():
    losses = Losses()
    assert "stop" not in written(told(Text(text="Hi"), stop=("END",)), losses)
    assert list(losses) == []


def test_metadata_goes_along_with_an_answer_that_is_kept_and_only_as_pairs_of_text():
    kept = read(input="Hi", store=True, metadata={"a": "b"}, service_tier="heroic", text={"verbosity": "low"})
    losses = Losses()
    body = written(kept, losses)
    assert (body["store"], body["metadata"], body["text"]) == (True, {"a": "b"}, {"verbosity": "low"})
    assert list(losses) == ["service_tier"]
    assert "metadata" not in written(read(input="Hi", store=True, metadata={"a": 1}))


def test_who_speaks_and_what_to_cache_is_not_said():
    losses = Losses()
    written(
        Prompt(
            model="m",
            system=(Text(text="Be kind.", cache=Cache()),),
            messages=(Message(role=Role.USER, parts=(Text(text="Hi"),), name="Ann"),),
            tool_choice=ToolChoice(choose=Choose.NONE),
            sampling=Sampling(temperature=0.5),
        ),
        losses,
    )
    assert list(losses) == ["a speaker's name", "cache marker"]


def test_an_answer_of_a_form_is_asked_for_in_the_text_s_format():
    schema = Schema(schema=json.dumps(SCHEMA).encode(), description="A place")
    assert written(told(schema=schema))["text"]["format"] == {
        "type": "json_schema",
        "name": "answer",
        "schema": SCHEMA,
        "description": "A place",
    }
    assert written(told(schema=Schema()))["text"]["format"] == {"type": "json_object"}


def test_tools_that_were_not_said_to_be_strict_are_not():
    body = written(
        told(
            tools=(Tool(name="f", schema=b"{}"), Tool(name="g", strict=True)),
            tool_choice=ToolChoice(choose=Choose.ONE, name="g", parallel=False),
        )
    )
    assert [tool["strict"] for tool in body["tools"]] == [False, True]
    assert body["tools"][1]["parameters"] == {"type": "object", "properties": {}}
    assert body["tool_choice"] == {"type": "function", "name": "g"}
    assert body["parallel_tool_calls"] is False


def test_tokens_are_counted_of_what_counts():
    prompt = told(Text(text="Hi"), system=(Text(text="Be kind."),), max_tokens=50, stream=True)
    assert set(json.loads(RESPONSES.count_prompt(prompt, Losses()))) == {"model", "input", "instructions"}
    assert RESPONSES.count_address("m") == ("/v1/responses/input_tokens", "")
    assert RESPONSES.read_count(RESPONSES.write_count(7)) == 7
    with pytest.raises(NoJson):
        RESPONSES.read_count(b"{}")


# --- going on


@pytest.mark.parametrize("form", list(Form))
def test_a_request_to_go_on_changes_nothing_but_what_it_adds(form):
    body = b'{"model": "m", "input": [ {"role":"user","content":"Tell"} ], "temperature": 0.50, "x": 1}'
    longer = RESPONSES.go_on(body, "Once upon", form, 40)
    before, after = json.loads(body), json.loads(longer)
    said = {"type": "output_text", "text": "Once upon", "annotations": []}
    expected = [before["input"][0], {"type": "message", "role": "assistant", "content": [said]}]
    if form is Form.INSTRUCTION:
        asked = [{"type": "input_text", "text": GO_ON}]
        expected.append({"type": "message", "role": "user", "content": asked})
    assert after["input"] == expected
    assert after["max_output_tokens"] == 40
    assert b"0.50" in longer
    assert after.get("continue_final_message", False) is (form is Form.FINAL)


@pytest.mark.parametrize(("given", "count"), [(b'"Tell"', 3), (b"[]", 2), (b"null", 2)])
def test_whatever_the_input_was_it_is_a_list_that_ends_in_the_instruction(given, count):
    longer = json.loads(RESPONSES.go_on(b'{"input":' + given + b"}", "Once", Form.INSTRUCTION, None))
    assert len(longer["input"]) == count
    assert "max_output_tokens" not in longer


def test_a_limit_is_never_lower_than_openai_takes():
    assert json.loads(RESPONSES.go_on(b"{}", "a", Form.INSTRUCTION, 3))["max_output_tokens"] == 16


def test_an_input_of_another_shape_cannot_be_gone_on_with():
    with pytest.raises(Untranslatable):
        RESPONSES.go_on(b'{"input":5}', "a", Form.INSTRUCTION, None)


def test_thoughts_that_only_this_gateway_has_sent_are_taken_out_and_the_others_put_right():
    mine = [
        {"type": "reasoning", "id": f"rs_{UNSIGNED}_1", "summary": []},
        {"type": "reasoning", "id": "rs_cut", "summary": [], "encrypted_content": UNSIGNED},
    ]
    sealed = {
        "type": "reasoning",
        "id": f"rs_{UNSIGNED}_2",
        "summary": [],
        "encrypted_content": f"{UNSIGNED}:rs_true:enc",
    }
    kept = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"},
        {"role": "user", "content": f"What is {UNSIGNED}?"},
    ]
    body = json.dumps({"model": "m", "input": [*mine, sealed, *kept]}).encode()
    assert json.loads(RESPONSES.cleaned(body))["input"] == [
        {"type": "reasoning", "id": "rs_true", "summary": [], "encrypted_content": "enc"},
        *kept,
    ]
    (thought,) = parts(sealed)
    assert thought.seal == Seal(origin=ME, data="enc", id="rs_true")
    assert [part.seal for part in parts(*mine)] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        {"input": "Hi"},
        {"input": f"What is {UNSIGNED}?"},
        {"x": UNSIGNED, "input": []},
        {"input": [UNSIGNED, {"type": 5, "x": UNSIGNED}, {"type": "message", "id": UNSIGNED}]},
        {"input": [{"type": "reasoning", "id": 5, "summary": UNSIGNED}, {"type": "reasoning", "x": UNSIGNED}]},
    ],
)
def test_a_body_without_such_thoughts_stays_as_it_is(body):
    data = json.dumps(body).encode()
    assert RESPONSES.cleaned(data) is data
