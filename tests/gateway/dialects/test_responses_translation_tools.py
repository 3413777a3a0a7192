"""Tools that only Responses has: free text, namespaces, a search for tools; as Codex offers them, there and back."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp, Untranslatable, dialect_of
from stillup.gateway.dialects.neutral import (
    Call,
    Calls,
    Choose,
    Ended,
    Result,
    Role,
    Stop,
    Text,
    ToolChoice,
)
from stillup.gateway.dialects.responses.named import flat

ME = Protocol.RESPONSES
RESPONSES = dialect_of(ME)
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": GRAMMAR}
SPACE = {"type": "namespace", "name": "functions", "description": "", "tools": [{**PATCH, "name": "exec"}, FUNCTION]}
FIND = {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"type": "object"}}
WEB = {"type": "web_search", "external_web_access": True}


def ask(**body):
    data = json.dumps({"model": "m", "input": "Hi", **body}).encode()
    return Ask(protocol=ME, operation=Operation.GENERATE, method="POST", path="/v1/responses", body=data, model="m")


def read(**body):
    return RESPONSES.read_prompt(ask(**body))


def events(asked, *pieces):
    data = RESPONSES.writer(asked, Stamp(id="a1", created_s=5)).write([*pieces, Ended(Stop.TOOLS)])
    return data, [json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: ")]


def test_a_tool_that_takes_free_text_is_a_function_with_one_string_and_told_its_grammar():
    (tool,) = read(tools=[PATCH]).tools
    assert tool.name == "apply_patch"
    assert tool.description.startswith("Edits files.")
    assert tool.description.endswith('follows this lark grammar exactly:\nstart: "x"')
    assert json.loads(tool.schema)["required"] == ["input"]


def test_free_text_that_was_given_and_what_came_of_it_are_a_call_and_its_result():
    called, came = read(
        tools=[PATCH],
        input=[
            {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": '*** "Begin"\n'},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."},
        ],
    ).messages
    assert called.parts == (Call(id="c1", name="apply_patch", arguments='{"input":"*** \\"Begin\\"\\n"}'),)
    assert came.parts == (Result(id="c1", name="apply_patch", parts=(Text(text="Done."),)),)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"input":"a \\ud83d\\ude00\\n"}', "a 😀\n"), ('{"patch":"x"}', '{"patch":"x"}'), ("x", "x")],
)
def test_a_function_s_call_is_free_text_again_for_a_client_that_offered_it_so(arguments, text):
    data, written = events(ask(tools=[PATCH]), Calls(Call(id="c1", name="apply_patch", arguments=arguments)))
    kinds = [event["type"] for event in written[2:]]
    assert kinds == [
        "response.output_item.added",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.output_item.done",
        "response.completed",
    ]
    item = written[-1]["response"]["output"][0]
    assert (item["type"], item["call_id"], item["name"], item["input"]) == (
        "custom_tool_call",
        "c1",
        "apply_patch",
        text,
    )
    (call,) = (piece.call for piece in RESPONSES.reader().feed(data) if isinstance(piece, Calls))
    assert json.loads(call.arguments) == {"input": text}


def test_a_namespace_s_tools_have_its_name_before_theirs_and_are_called_without():
    prompt = read(
        tools=[SPACE],
        input=[{"type": "function_call", "call_id": "c", "name": "f", "namespace": "functions", "arguments": "{}"}],
        tool_choice={"type": "function", "name": "f", "namespace": "functions"},
    )
    assert [tool.name for tool in prompt.tools] == ["functions__exec", "functions__f"]
    assert prompt.messages[0].parts[0].name == "functions__f"
    assert prompt.tool_choice == ToolChoice(choose=Choose.ONE, name="functions__f")
    calls = [
        Calls(Call(id="1", name="functions__exec", arguments='{"input":"x"}')),
        Calls(Call(id="2", name="functions__f")),
    ]
    _, written = events(ask(tools=[SPACE]), *calls)
    free, function = written[-1]["response"]["output"]
    assert (free["type"], free["name"], free["namespace"], free["input"]) == (
        "custom_tool_call",
        "exec",
        "functions",
        "x",
    )
    assert (function["type"], function["name"], function["namespace"]) == ("function_call", "f", "functions")


def test_a_name_that_would_be_too_long_elsewhere_is_cut_and_still_its_own():
    one, other = (flat(name, "n" * 40) for name in ("a" * 40 + "1", "a" * 40 + "2"))
    assert len(one) == len(other) == 64
    assert one != other
    tools = [{"type": "namespace", "name": "n" * 40, "tools": [{**FUNCTION, "name": "a" * 40 + "1"}]}]
    _, written = events(ask(tools=tools), Calls(Call(id="1", name=one)))
    assert written[-1]["response"]["output"][0]["name"] == "a" * 40 + "1"


def test_tools_that_an_item_brings_are_offered_and_called_like_the_others():
    item = {"type": "additional_tools", "role": "developer", "tools": [SPACE]}
    prompt = read(input=[item, {"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}])
    assert [tool.name for tool in prompt.tools] == ["functions__exec", "functions__f"]
    assert prompt.system == (Text(text="Be kind."),)
    _, written = events(ask(input=[item]), Calls(Call(id="1", name="functions__f")))
    assert written[-1]["response"]["output"][0]["namespace"] == "functions"


def test_a_search_for_tools_by_the_client_is_a_function_and_what_it_finds_can_be_called():
    found = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [SPACE, PATCH]}
    none = {"type": "tool_search_output", "call_id": "c2", "execution": "client", "tools": []}
    prompt = read(
        tools=[FIND, PATCH],
        input=[
            {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "git"}},
            found,
            {"type": "tool_search_call", "call_id": "c2", "execution": "client", "arguments": {}},
            none,
        ],
    )
    assert [tool.name for tool in prompt.tools] == ["tool_search", "apply_patch", "functions__exec", "functions__f"]
    assert prompt.messages[0].parts == (Call(id="c1", name="tool_search", arguments='{"query": "git"}'),)
    first, second = prompt.messages[1].parts[0], prompt.messages[3].parts[0]
    assert first == Result(
        id="c1",
        name="tool_search",
        parts=(Text(text="These tools can be called from now on: functions__exec, functions__f"),),
    )
    assert second.parts == (Text(text="No tool was found."),)
    data, written = events(
        ask(tools=[FIND], input=[found]),
        Calls(Call(id="c1", name="tool_search", arguments='{"query":"git"}')),
        Calls(Call(id="c2", name="tool_search", arguments="git")),
        Calls(Call(id="c3", name="functions__exec", arguments='{"input":"x"}')),
    )
    search, odd, free = written[-1]["response"]["output"]
    assert (search["type"], search["execution"], search["arguments"]) == (
        "tool_search_call",
        "client",
        {"query": "git"},
    )
    assert odd["arguments"] == "git"
    assert free["type"] == "custom_tool_call"
    names = [piece.call.name for piece in RESPONSES.reader().feed(data) if isinstance(piece, Calls)]
    assert names == ["tool_search", "tool_search", "functions__exec"]


def test_a_search_by_the_provider_is_not_needed_where_all_tools_are_offered():
    prompt = read(
        tools=[{"type": "tool_search"}, {**FUNCTION, "defer_loading": True}],
        input=[
            {"type": "tool_search_call", "execution": "server", "arguments": {}},
            {"type": "tool_search_output", "execution": "server", "tools": [PATCH]},
            {"role": "user", "content": "Hi"},
        ],
    )
    assert [tool.name for tool in prompt.tools] == ["f", "apply_patch"]
    assert [message.role for message in prompt.messages] == [Role.USER]
    assert prompt.server_tools == ()


def test_a_web_search_that_is_only_offered_beside_other_tools_is_a_hint():
    prompt = read(tools=[FUNCTION, WEB])
    losses = Losses()
    assert prompt.server_tools == ()
    assert json.loads(RESPONSES.write_prompt(prompt, losses))["tools"][-1] == WEB
    assert list(losses) == []
    dialect_of(Protocol.ANTHROPIC).write_prompt(prompt, losses)
    assert any("search" in name for name in losses)


REFUSED = [
    {"tools": [WEB]},
    {"tools": [FUNCTION, WEB], "tool_choice": {"type": "web_search"}},
    {"tools": [FUNCTION, WEB, {"type": "code_interpreter", "container": {"type": "auto"}}]},
    {"tools": [{"type": "local_shell"}]},
    {"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]},
    {"input": [{"type": "compaction", "encrypted_content": "enc"}]},
]


@pytest.mark.parametrize("body", REFUSED)
@pytest.mark.parametrize("other", [Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.GEMINI])
def test_what_the_provider_does_itself_goes_nowhere_else(body, other):
    prompt = read(**body)
    with pytest.raises(Untranslatable):
        dialect_of(other).write_prompt(prompt, Losses())
    json.loads(RESPONSES.write_prompt(prompt, Losses()))


def test_a_choice_among_some_tools_leaves_the_others_out():
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    prompt = read(tools=[FUNCTION, PATCH, WEB], tool_choice=allowed)
    assert [tool.name for tool in prompt.tools] == ["f"]
    assert (prompt.server_tools, "web_search" in prompt.others) == ((), False)
    assert prompt.tool_choice == ToolChoice(choose=Choose.ANY)


@pytest.mark.parametrize("body", [b'{"tools":[{"type":"custom","name":5}]}', b'{"tools":"custom" "custom"', b"custom"])
def test_a_body_that_cannot_be_read_names_no_tools(body):
    asked = Ask(protocol=ME, operation=Operation.GENERATE, method="POST", path="/v1/responses", body=body, model="m")
    _, written = events(asked, Calls(Call(id="1", name="f")))
    assert written[-1]["response"]["output"][0]["type"] == "function_call"
