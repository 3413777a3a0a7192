"""Tools' names that an upstream would refuse: others there, the client's own in the answer."""

import re

import pytest

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.neutral import (
    Call,
    Calls,
    Choose,
    Message,
    Prompt,
    Reply,
    Result,
    Role,
    Text,
    Tool,
    ToolChoice,
    Words,
)
from stillup.gateway.dialects.tool_names import Renamed, fitted, with_names

LONG = "mcp__" + "a_server_of_ours__" * 5
TAKES = {
    Protocol.ANTHROPIC: r"[a-zA-Z0-9_-]{1,128}",
    Protocol.OPENAI: r"[a-zA-Z0-9_-]{1,64}",
    Protocol.RESPONSES: r"[a-zA-Z0-9_-]{1,64}",
    Protocol.GEMINI: r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
    Protocol.CONVERSE: r"[a-zA-Z0-9_-]{1,64}",
}


def prompt(*names: str) -> Prompt:
    call, result = Call(id="1", name=names[0]), Result(id="1", name=names[0], parts=(Text(text="done"),))
    return Prompt(
        tools=tuple(Tool(name=name) for name in names),
        tool_choice=ToolChoice(choose=Choose.ONE, name=names[0]),
        messages=(Message(role=Role.ASSISTANT, parts=(call,)), Message(role=Role.USER, parts=(result,))),
    )


@pytest.mark.parametrize("protocol", TAKES)
@pytest.mark.parametrize("name", [LONG, LONG + "0", "a.b", "größe", "9lives", "x" * 128, "Ω" * 70])
def test_every_name_becomes_one_that_is_taken_there_and_comes_back_as_it_was(protocol, name):
    there, back = fitted(prompt(name, "look"), protocol)

    tool, look = there.tools
    assert re.fullmatch(TAKES[protocol], tool.name)
    assert look.name == "look"
    assert there.tool_choice.name == tool.name
    assert [part.name for each in there.messages for part in each.parts] == [tool.name] * 2
    pieces = [Words("so"), Calls(Call(id="2", name=tool.name)), Calls(Call(id="3", name="look"))]
    renamed = list(Renamed(back).pass_on(pieces))
    assert [piece.call.name for piece in renamed[1:]] == [name, "look"]
    assert with_names(Reply(parts=(Call(id="2", name=tool.name),)), back).parts[0].name == name


def test_names_that_fit_are_left_alone():
    asked = prompt("look", "mcp__files__read")
    assert fitted(asked, Protocol.OPENAI) == (asked, {})


def test_names_that_begin_alike_stay_apart():
    there, back = fitted(prompt(LONG + "one", LONG + "two"), Protocol.OPENAI)
    assert len({tool.name for tool in there.tools} | set(back)) == 2
