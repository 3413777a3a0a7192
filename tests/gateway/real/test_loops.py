"""Tools and structured answers with the SDKs' own helpers, while the first upstream breaks off at every token there is.

One gateway has a first upstream for every break, so that none is avoided for what befell another.
"""

import json
from contextlib import asynccontextmanager
from itertools import cycle

import openai
import pytest
from google.genai import types
from pydantic import BaseModel

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider.behaviour import Behaviour, Called, Failure, Turn
from tests.gateway.real.conftest import KEYS, OTHERS, PATHS, UPSTREAM

ASKED = "How warm is it, where I am and in Wien?"
MADE = [("where", {}), ("warmth", {"place": "Graz"}), ("warmth", {"place": "Wien, 'wörtlich'"})]
CALLED = [Called(*call) for call in MADE]
TURNS = (
    Turn(text="I look.", calls=(CALLED[0],)),
    Turn(calls=(CALLED[1], CALLED[2])),
    Turn(text="7 in Graz, 9 in Wien."),
)
SAID = "".join(turn.text for turn in TURNS)
TOKENS = [4, 6, 6]
"""Of each turn; a break behind the last token is one before the end."""
EVERY_TURN = len(TURNS)
BREAKS = [
    *((turn, after) for turn, tokens in enumerate(TOKENS) for after in range(tokens + 1)),
    *((EVERY_TURN, after) for after in range(max(TOKENS) + 1)),
]
MOST_ROUNDS = 5
"""A conversation that does not end is one with a mistake in it."""
FAILURES = [Failure.CUT, Failure.CUT_RESET, Failure.CUT_INSIDE, Failure.ERROR_EVENT, Failure.MALFORMED]
SPOKEN = {"messages": "anthropic", "chat": "openai", "responses": "openai-responses", "gemini": "gemini"}
ELSEWHERE = {"messages": "openai", "chat": "gemini", "responses": "anthropic", "gemini": "openai-responses"}


@asynccontextmanager
async def gateway(a, b, first, second, times):
    """Requests for ``try-n`` go to an upstream of their own first, which is A, and to B when it breaks off."""
    lines = ["[gateway]", 'listen = "127.0.0.1:0"', "hedge_after_s = 30"]
    lines += [UPSTREAM.format(name="b", protocol=second, url=b.url + PATHS[second]), 'key_env = "B_KEY"']
    for n in range(times):
        lines += [UPSTREAM.format(name=f"a{n}", protocol=first, url=a.url + PATHS[first]), 'key_env = "A_KEY"']
        chain = [f"a{n}-{first}/{OTHERS[first]}", f"b-{second}/{OTHERS[second]}"]
        lines += ["[[gateway.routes]]", f'match = "try-{n}"', f"chain = {json.dumps(chain)}"]
    config, clock = parse_config("\n".join(lines)), SystemClock()
    running = Gateway(resolve(config, KEYS), config.gateway, seen=Seen(clock), clock=clock, environ={})
    await running.start()
    try:
        yield running
    finally:
        await running.stop(0.0)


# --- tools


class Where(BaseModel):
    """Where the user is."""


class Warmth(BaseModel):
    """How warm it is there."""

    place: str


class Hands:
    """The tools, and what they were called with."""

    def __init__(self):
        self.made = []

    def use(self, name, arguments):
        self.made.append((name.lower(), arguments))
        return "in Graz" if name == "where" else "7 degrees"

    @property
    def as_functions(self):
        async def where() -> str:
            """Say where the user is."""
            return self.use("where", {})

        async def warmth(place: str) -> str:
            """Say how warm it is there."""
            return self.use("warmth", {"place": place})

        return [where, warmth]


async def talk_messages(client, model, hands):
    said, messages = "", [{"role": "user", "content": ASKED}]
    tools = [{"name": kind.__name__.lower(), "input_schema": kind.model_json_schema()} for kind in (Where, Warmth)]
    for _ in range(MOST_ROUNDS):
        async with client.messages.stream(model=model, max_tokens=500, messages=messages, tools=tools) as events:
            message = await events.get_final_message()
        said += "".join(block.text for block in message.content if block.type == "text")
        calls = [block for block in message.content if block.type == "tool_use"]
        if not calls:
            return said, message.stop_reason
        told = [(call.id, hands.use(call.name, call.input)) for call in calls]
        results = [{"type": "tool_result", "tool_use_id": key, "content": result} for key, result in told]
        messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    return said, "goes on and on"


async def talk_chat(client, model, hands):
    said, messages = "", [{"role": "user", "content": ASKED}]
    tools = [openai.pydantic_function_tool(kind, name=kind.__name__.lower()) for kind in (Where, Warmth)]
    for _ in range(MOST_ROUNDS):
        async with client.chat.completions.stream(model=model, messages=messages, tools=tools) as events:
            (choice,) = (await events.get_final_completion()).choices
        said += choice.message.content or ""
        if not choice.message.tool_calls:
            return said, choice.finish_reason
        messages.append(choice.message)
        for call in choice.message.tool_calls:
            told = hands.use(call.function.name, call.function.parsed_arguments.model_dump())
            messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
    return said, "goes on and on"


async def talk_responses(client, model, hands):
    said, items = "", [{"role": "user", "content": ASKED}]
    tools = [
        {"type": "function", "name": kind.__name__.lower(), "parameters": kind.model_json_schema(), "strict": False}
        for kind in (Where, Warmth)
    ]
    for _ in range(MOST_ROUNDS):
        async with client.responses.stream(model=model, input=items, tools=tools) as events:
            response = await events.get_final_response()
        said += response.output_text
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return said, response.status
        items += response.output
        for call in calls:
            told = hands.use(call.name, json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": told})
    return said, "goes on and on"


async def talk_gemini(client, model, hands):
    """The SDK calls the functions itself."""
    config = types.GenerateContentConfig(tools=hands.as_functions)
    stream = await client.models.generate_content_stream(model=model, contents=ASKED, config=config)
    said, stop = "", None
    async for piece in stream:
        said += "".join(part.text or "" for part in piece.parts or ())
        stop = piece.candidates[0].finish_reason or stop
    return said, stop.value


TALKS = {"messages": talk_messages, "chat": talk_chat, "responses": talk_responses, "gemini": talk_gemini}


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["same dialect", "another dialect"])
@pytest.mark.parametrize("protocol", TALKS)
async def test_a_loop_of_tools_is_whole_wherever_the_first_upstream_breaks_off(protocol, is_elsewhere, a, b, ask):
    """In each turn, and in every turn, before each token and behind the last; each call is made once."""
    spoken, sdk = SPOKEN[protocol], ask(protocol).sdk
    second = ELSEWHERE[protocol] if is_elsewhere else spoken
    b.set(Behaviour(turns=TURNS, verbatim=True, keeps_rules=True, knows_its_end=True))
    healthy = Behaviour(turns=TURNS, verbatim=True)
    async with gateway(a, b, spoken, second, len(BREAKS)) as running, sdk.aclient(running.address) as client:
        for n, ((turn, after), failure) in enumerate(zip(BREAKS, cycle(FAILURES), strict=False)):
            broken = Behaviour(turns=TURNS, verbatim=True, failure=failure, after=after)
            a.reset()
            a.script([broken] * len(TURNS) if turn == EVERY_TURN else [*[healthy] * turn, broken])
            a.set(healthy)
            hands = Hands()

            said, stop = await TALKS[protocol](client, f"try-{n}", hands)

            where = f"turn {turn}, {failure} after {after}"
            assert (said, stop) == (SAID, sdk.ends), where
            # Behind a whole call an answer ends: the second of two may not come.
            may_be_fewer = turn in (1, EVERY_TURN) and after > 0
            assert hands.made == MADE or (may_be_fewer and hands.made == MADE[:2]), where


# --- structured answers


class Weather(BaseModel):
    place: str
    degrees: int
    is_sunny: bool


A_SAYS = Weather(place="Graz, in the south, where it is warm", degrees=7, is_sunny=True)
B_SAYS = Weather(place="Wien, in the east, where it is windy", degrees=9, is_sunny=False)
PROMPT = [{"role": "user", "content": ASKED}]


async def parsed_messages(client, model):
    asked = {"model": model, "max_tokens": 500, "messages": PROMPT, "output_format": Weather}
    yield (await client.messages.parse(**asked)).parsed_output
    async with client.messages.stream(**asked) as events:
        yield (await events.get_final_message()).parsed_output


async def parsed_chat(client, model):
    asked = {"model": model, "messages": PROMPT, "response_format": Weather}
    yield (await client.chat.completions.parse(**asked)).choices[0].message.parsed
    async with client.chat.completions.stream(**asked) as events:
        yield (await events.get_final_completion()).choices[0].message.parsed


async def parsed_responses(client, model):
    asked = {"model": model, "input": ASKED, "text_format": Weather}
    yield (await client.responses.parse(**asked)).output_parsed
    async with client.responses.stream(**asked) as events:
        yield (await events.get_final_response()).output_parsed


async def parsed_gemini(client, model):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Weather)
    asked = {"model": model, "contents": ASKED, "config": config}
    yield (await client.models.generate_content(**asked)).parsed
    stream = await client.models.generate_content_stream(**asked)
    yield Weather.model_validate_json("".join([piece.text or "" async for piece in stream]))


PARSED = {
    "messages": parsed_messages,
    "chat": parsed_chat,
    "responses": parsed_responses,
    "gemini": parsed_gemini,
}


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["same dialect", "another dialect"])
@pytest.mark.parametrize("protocol", PARSED)
async def test_a_structured_answer_is_whole_and_of_one_upstream(protocol, is_elsewhere, a, b, ask):
    spoken, sdk = SPOKEN[protocol], ask(protocol).sdk
    text = A_SAYS.model_dump_json()
    tokens = len(text) // 4
    second = ELSEWHERE[protocol] if is_elsewhere else spoken
    b.set(Behaviour(text=B_SAYS.model_dump_json(), verbatim=True))
    async with gateway(a, b, spoken, second, tokens) as running, sdk.aclient(running.address) as client:
        for after, failure in zip(range(tokens), cycle(FAILURES), strict=False):
            a.set(Behaviour(text=text, verbatim=True, failure=failure, after=after, tokens=tokens))
            got = [parsed async for parsed in PARSED[protocol](client, f"try-{after}")]
            assert got == [B_SAYS, B_SAYS] or (after == tokens and got == [A_SAYS, A_SAYS])
