"""Anthropic Messages: how another dialect's request is said there, and how one is gone on with or cleaned."""

from __future__ import annotations

import base64
import json

import pytest

from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Call,
    Choose,
    Citation,
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
from tests.gateway.dialects.anthropic_bodies import DIALECT, HI, ME, read, said, write, written

# --- written


def test_neighbours_of_one_role_become_one_turn_with_the_results_first():
    call = Call(id="c1", name="look")
    body, _ = write(
        messages=(
            HI,
            Message(role=Role.ASSISTANT, parts=(call,)),
            Message(role=Role.USER, parts=(Text(text="and"),)),
            Message(role=Role.USER, parts=(Result(id="c1", parts=(Text(text="fine"),)),)),
        )
    )
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]


def test_a_beginning_of_the_clients_does_not_end_in_white_space():
    messages = (HI, Message(role=Role.ASSISTANT, parts=(Text(text="Sure: "),)))
    assert write(messages=messages)[0]["messages"][1]["content"] == "Sure:"
    assert write(messages=(*messages, HI))[0]["messages"][1]["content"] == "Sure: "


def test_what_other_dialects_tools_have_no_word_for_is_named_once():
    tools = [{"name": n, "input_schema": {}, "input_examples": [{}], "defer_loading": True} for n in "ab"]
    assert read(tools=tools).unknown == ("tools[].input_examples", "tools[].defer_loading")


def test_a_system_message_in_between_stands_where_it_stood():
    body, losses = write(messages=(HI, Message(role=Role.SYSTEM, parts=(Text(text="Be brief"),))))
    assert body["messages"][0]["content"][1]["text"] == "<system>\nBe brief\n</system>"
    assert losses == ["the system's role inside the conversation"]


def test_ids_of_another_shape_agree_and_none_comes_twice():
    calls = [Call(id="call:1/ü", name="a"), Call(id="call_0", name="a"), Call(id="call_0", name="b")]
    messages = [
        m
        for call in calls
        for m in (
            Message(role=Role.ASSISTANT, parts=(call,)),
            Message(role=Role.USER, parts=(Result(id=call.id, parts=(Text(text="r"),)),)),
        )
    ]
    blocks = [message["content"][0] for message in write(messages=tuple(messages))[0]["messages"]]
    ids = [block["id"] for block in blocks[::2]]
    assert [block["tool_use_id"] for block in blocks[1::2]] == ids
    assert len(set(ids)) == 3
    assert ids[1:] == ["call_0", "call_0-2"]
    assert all(id_.replace("_", "").replace("-", "").isalnum() and id_.isascii() for id_ in ids)


def test_arguments_that_are_no_json_object_are_told_as_what_they_are():
    body, losses = write(messages=(Message(role=Role.ASSISTANT, parts=(Call(id="c", name="a", arguments="{oops"),)),))
    assert body["messages"][0]["content"][0]["input"] == {"arguments": "{oops"}
    assert losses


def test_another_models_thoughts_are_never_sent():
    thoughts = (Thought(text="Hm"), Thought(text="Hm", seal=Seal(origin=Protocol.OPENAI, data="x")))
    body, losses = write(messages=(HI, Message(role=Role.ASSISTANT, parts=(*thoughts, Text(text="So"))), HI))
    assert body["messages"][1]["content"] == "So"
    assert losses == ["another model's thoughts"]


def test_citations_go_back_to_whom_they_came_from_only():
    own = Citation(origin=ME, raw=b'{"type":"char_location","cited_text":"x"}')
    assert written(Text(text="a", citations=(own,)))[0]["citations"] == [{"type": "char_location", "cited_text": "x"}]
    assert "citations" not in written(Text(text="a", citations=(Citation(url="https://a"),)))[0]
    (text,) = said(
        {"type": "text", "text": "a", "citations": [{"type": "w", "url": "https://a", "encrypted_index": UNSIGNED}]}
    )
    assert text.citations == (Citation(url="https://a"),)


def test_documents_are_written_as_what_they_can_be():
    text = base64.b64encode("wörter".encode()).decode()
    assert written(Media(kind=Kind.DOCUMENT, media_type="text/csv", data=text))[0]["source"]["data"] == "wörter"
    assert written(Media(kind=Kind.DOCUMENT, url="https://a/b.pdf"))[0]["source"] == {
        "type": "url",
        "url": "https://a/b.pdf",
    }
    assert written(Media(kind=Kind.IMAGE, media_type="image/jpg", data="AA"))[0]["source"]["media_type"] == "image/jpeg"
    assert written(Media(kind=Kind.DOCUMENT, file_id="f", origin=ME))[0]["source"] == {"type": "file", "file_id": "f"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"count": 2}, "one answer to a request, not 2"),
        ({"logprobs": 0}, "logprobs"),
        ({"previous": "resp_1"}, "kept at another provider"),
        ({"schema": Schema()}, "JSON of any shape"),
        ({"stop": ("\n",)}, r"stop\[0\]"),
        ({"tools": (Tool(name="a b"),)}, r"tools\[0\]\.name"),
        ({"server_tools": (Foreign(origin=Protocol.OPENAI, what="web_search", raw=b"{}"),)}, "tools: web_search"),
    ],
)
def test_what_would_mean_something_else_is_refused(members, words):
    with pytest.raises(Untranslatable, match=words):
        write(**members)


@pytest.mark.parametrize(
    "part",
    [
        Media(kind=Kind.AUDIO, data="AA"),
        Media(kind=Kind.IMAGE, media_type="image/heic", data="AA"),
        Media(kind=Kind.IMAGE),
        Media(kind=Kind.IMAGE, url="gs://bucket/a"),
        Media(kind=Kind.DOCUMENT, media_type="application/msword", data="AA"),
        Media(kind=Kind.DOCUMENT, media_type="text/plain", data="//8="),
        Media(kind=Kind.DOCUMENT, file_id="f", origin=Protocol.OPENAI),
        Foreign(origin=Protocol.OPENAI, what="computer_call", raw=b"{}"),
    ],
    ids=range(8),
)
def test_a_part_that_has_no_form_there_is_refused_with_its_place(part):
    with pytest.raises(Untranslatable, match=r"messages\[0\]\.content\[0\]: "):
        written(part)


def test_a_result_of_the_assistants_is_refused():
    with pytest.raises(Untranslatable, match="the user's to give"):
        written(Result(id="a"), role=Role.ASSISTANT)


def test_hints_that_do_not_fit_are_named():
    sampling = Sampling(temperature=1.5, seed=1, frequency_penalty=0.1, presence_penalty=0.1)
    body, losses = write(sampling=sampling)
    assert body["temperature"] == 1
    assert losses == ["temperature above 1", "frequency_penalty", "presence_penalty", "seed"]


def test_a_limit_is_always_written():
    assert write(max_tokens=None)[0]["max_tokens"] == 32_000


@pytest.mark.parametrize(
    ("budget", "limit", "thinking"),
    [
        (512, 4000, {"type": "enabled", "budget_tokens": 1024}),
        (8000, 4000, {"type": "enabled", "budget_tokens": 3999}),
        (8000, 1000, {"type": "disabled"}),
    ],
)
def test_a_budget_fits_below_the_limit(budget, limit, thinking):
    assert write(thinking=Thinking(on=True, budget_tokens=budget), max_tokens=limit)[0]["thinking"] == thinking


def test_thinking_is_off_where_it_would_be_refused():
    forced = {"tools": (Tool(name="a"),), "tool_choice": ToolChoice(choose=Choose.ANY)}
    assert write(thinking=Thinking(on=True), **forced)[0]["thinking"] == {"type": "disabled"}
    turn = (
        HI,
        Message(role=Role.ASSISTANT, parts=(Thought(text="Hm"), Call(id="a", name="a"))),
        Message(role=Role.USER, parts=(Result(id="a"),)),
    )
    budget = Thinking(on=True, budget_tokens=2000)
    body, losses = write(thinking=budget, max_tokens=4000, messages=turn)
    assert body["thinking"] == {"type": "disabled"}
    assert "thinking (the turn began without)" in losses
    assert write(thinking=Thinking(on=True), messages=turn)[0]["thinking"] == {"type": "adaptive"}
    assert write(thinking=Thinking(effort=Effort.NONE))[0]["thinking"] == {"type": "disabled"}


def test_a_refusal_in_the_conversation_is_text():
    assert written(Refused(text="No."), role=Role.ASSISTANT) == [{"type": "text", "text": "No."}]


def test_what_is_counted_is_what_would_be_read():
    losses = Losses()
    prompt = Prompt(
        model="m", messages=(HI,), system=(Text(text="s"),), tools=(Tool(name="a"),), stop=("x",), max_tokens=5
    )
    body = json.loads(DIALECT.count_prompt(prompt, losses))
    assert set(body) == {"model", "messages", "system", "tools"}
    assert DIALECT.count_address("m") == ("/v1/messages/count_tokens", "")
    with pytest.raises(NoJson):
        DIALECT.read_count(b"{}")


# --- going on, and cleaned


def go_on(messages, said, form, max_tokens=None, **members):
    body = json.dumps({"model": "m", "max_tokens": 64, "messages": messages, **members}).encode()
    return json.loads(DIALECT.go_on(body, said, form, max_tokens))


HELLO = {"role": "user", "content": "hi"}


@pytest.mark.parametrize("form", [Form.PREFILL, Form.PREFIX, Form.FINAL])
def test_a_beginning_stands_last_and_does_not_end_in_white_space(form):
    body = go_on([HELLO], "So far \n", form, 7, temperature=0.5)
    assert body == {
        "model": "m",
        "max_tokens": 7,
        "messages": [HELLO, {"role": "assistant", "content": "So far"}],
        "temperature": 0.5,
    }


def test_a_beginning_of_the_clients_becomes_one_with_what_was_said():
    assert (
        go_on([HELLO, {"role": "assistant", "content": "{"}], '"a":', Form.PREFILL)["messages"][1]["content"] == '{"a":'
    )
    blocks = [{"type": "text", "text": "{"}]
    merged = go_on([HELLO, {"role": "assistant", "content": blocks}], '"a":', Form.PREFILL)["messages"][1]["content"]
    assert merged == [{"type": "text", "text": '{"a":'}]
    thought = [{"type": "thinking", "thinking": "Hm", "signature": "s"}]
    assert (
        go_on([HELLO, {"role": "assistant", "content": thought}], "a", Form.PREFILL)["messages"][1]["content"][1][
            "text"
        ]
        == "a"
    )


def test_nothing_said_is_nothing_appended():
    assert go_on([HELLO], " ", Form.PREFILL)["messages"] == [HELLO]


def test_a_model_that_cannot_be_asked_to_is_not():
    with pytest.raises(Untranslatable):
        go_on([HELLO], "a", Form.NONE)


def clean(messages, **members):
    body = {"model": "m", "messages": messages, **members}
    return json.loads(DIALECT.cleaned(json.dumps(body).encode()))


UNSEALED = {"type": "thinking", "thinking": "Hm", "signature": UNSIGNED}
SEALED = {"type": "thinking", "thinking": "Hm", "signature": "sig"}


def test_thoughts_that_were_never_sealed_are_taken_out_and_nothing_else():
    said = {"type": "text", "text": f"I say {UNSIGNED}"}
    messages = [
        HELLO,
        {"role": "assistant", "content": [UNSEALED, SEALED, said]},
        {"role": "user", "content": UNSIGNED},
    ]
    assert clean(messages)["messages"] == [HELLO, {"role": "assistant", "content": [SEALED, said]}, messages[2]]
    assert clean([HELLO, {"role": "assistant", "content": [UNSEALED]}, HELLO])["messages"] == [HELLO, HELLO]


def test_citations_of_another_provider_are_taken_out():
    ours, own = {"type": "w", "encrypted_index": UNSIGNED}, {"type": "w", "encrypted_index": "x"}
    texts = [{"type": "text", "text": "a", "citations": c} for c in ([ours, own], [ours])]
    content = clean([{"role": "assistant", "content": texts}])["messages"][0]["content"]
    assert content == [{"type": "text", "text": "a", "citations": [own]}, {"type": "text", "text": "a"}]


def test_a_turn_that_begins_without_its_thought_is_not_thought_in_with_a_budget():
    call = {"type": "tool_use", "id": "a", "name": "a", "input": {}}
    turn = [HELLO, {"role": "assistant", "content": [UNSEALED, call]}]
    turn += [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}]
    budget = {"type": "enabled", "budget_tokens": 2000}
    assert clean(turn, thinking=budget)["thinking"] == {"type": "disabled"}
    assert clean(turn, thinking={"type": "adaptive"})["thinking"] == {"type": "adaptive"}
    turn[1] = {"role": "assistant", "content": [UNSEALED, SEALED, call]}
    assert clean(turn, thinking=budget)["thinking"] == budget
