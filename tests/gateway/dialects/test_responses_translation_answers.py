"""Answers of OpenAI's Responses in neutral words and back, and a stream that goes on where it broke off."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Apart,
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Failed,
    Foreign,
    Gives,
    Kind,
    Media,
    Refused,
    Refuses,
    Reply,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)

ME = Protocol.RESPONSES
RESPONSES = dialect_of(ME)
STAMP = Stamp(id="a1", created_s=1_700_000_000)
SEAL = Seal(origin=ME, data="enc", id="rs_1")
URL = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 2}


def ask(**body):
    data = json.dumps({"model": "m", "input": "Hi", **body}).encode()
    return Ask(protocol=ME, operation=Operation.GENERATE, method="POST", path="/v1/responses", body=data, model="m")


def event(kind, **value):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **value})}\n\n".encode()


def items_of(data):
    return [json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: ")]


def kinds_of(data):
    return [item["type"].removeprefix("response.") for item in items_of(data)]


def writer(**body):
    return RESPONSES.writer(ask(**body), STAMP)


def read(*events):
    reader = RESPONSES.reader()
    return [*reader.feed(b"".join(events)), *reader.finish()]


def message(*content, **rest):
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": list(content), **rest}


def text(said, *notes):
    return {"type": "output_text", "text": said, "annotations": list(notes)}


def response(*output, **rest):
    return {"id": "resp_1", "object": "response", "model": "gpt-x", "status": "completed", "output": output, **rest}


# --- streams as they are read


def test_what_is_streamed_comes_in_pieces_and_calls_only_when_they_are_whole():
    pieces = read(
        event("response.created", response=response(status="in_progress")),
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1"}),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="One"),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="Two"),
        event("response.reasoning_text.delta", output_index=0, content_index=0, delta="the same in full"),
        event(
            "response.output_item.done",
            output_index=0,
            item={"type": "reasoning", "id": "rs_1", "encrypted_content": "enc"},
        ),
        event("response.output_item.added", output_index=1, item=message()),
        event("response.output_text.delta", output_index=1, content_index=0, delta="Hi"),
        event("response.output_text.annotation.added", output_index=1, content_index=0, annotation=URL),
        event("response.output_text.delta", output_index=1, content_index=1, delta="Ho"),
        event("response.output_item.done", output_index=1, item=message(text("Hi", URL), text("Ho"))),
        event(
            "response.output_item.added", output_index=2, item={"type": "function_call", "call_id": "c", "name": "f"}
        ),
        event("response.function_call_arguments.delta", output_index=2, delta='{"a"'),
        event("response.function_call_arguments.done", output_index=2, arguments='{"a":1}'),
        event(
            "response.output_item.done",
            output_index=2,
            item={"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
        ),
        event(
            "response.completed",
            response=response(
                usage={
                    "input_tokens": 10,
                    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
                    "output_tokens": 7,
                    "output_tokens_details": {"reasoning_tokens": 3},
                }
            ),
        ),
    )
    note = Citation(url="https://x.test", title="X", start=0, end=2, origin=ME, raw=json.dumps(URL).encode())
    assert pieces == [
        Began("resp_1", "gpt-x"),
        Thinks("One"),
        Thinks("\n\nTwo"),
        ThoughtEnds(SEAL),
        Words("Hi"),
        Cites(note),
        Apart(),
        Words("Ho"),
        Calls(Call(id="c", name="f", arguments='{"a":1}')),
        Counted(Counts(fresh=5, cache_read=4, cache_write=1, output=7, thought=3)),
        Ended(Stop.TOOLS),
    ]


def test_what_did_not_come_in_pieces_is_read_where_it_is_told_whole():
    told = read(
        event("response.output_text.done", output_index=0, content_index=0, text="Hi"),
        event("response.refusal.done", output_index=1, content_index=0, refusal="No."),
        event("response.completed", response=response()),
    )
    done = read(
        event("response.output_item.done", output_index=0, item={"type": "reasoning", "summary": [{"text": "Hm"}]}),
        event("response.output_item.done", output_index=1, item=message(text("Hi", URL), {"type": "refusal"})),
        event("response.output_item.done", output_index=2, item={"type": "web_search_call", "id": "ws_1"}),
        event("response.completed", response=response()),
    )
    last = read(
        event("response.completed", response=response(message(text("Hi"), {"type": "refusal", "refusal": "No."})))
    )
    assert told == [Words("Hi"), Refuses("No."), Ended(Stop.REFUSED)]
    assert [type(piece) for piece in done] == [Thinks, ThoughtEnds, Words, Cites, Gives, Ended]
    assert last == told


@pytest.mark.parametrize(
    ("end", "stop"),
    [
        (
            event("response.incomplete", response=response(incomplete_details={"reason": "max_output_tokens"})),
            Stop.LENGTH,
        ),
        (
            event("response.incomplete", response=response(incomplete_details={"reason": "content_filter"})),
            Stop.REFUSED,
        ),
        (event("response.incomplete", response=response()), Stop.LENGTH),
        (event("response.completed", response=response(usage=None)), Stop.END),
        (event("response.completed", response="none"), Stop.END),
        (event("response.completed", response={"id": 5, "output": 7}), Stop.END),
        (b"", Stop.END),
    ],
)
def test_an_answer_ends_for_a_reason(end, stop):
    assert read(end)[-1] == Ended(stop)


@pytest.mark.parametrize(
    "failed",
    [
        event("error", code="server_error", message="boom", sequence_number=4),
        event("error", error={"message": "boom"}),
        event("response.failed", response=response(status="failed", error={"message": "boom"})),
        b'data: {"error": {"message": "boom"}}\n\n',
    ],
)
def test_a_failure_in_the_stream_is_told_and_ends_it(failed):
    assert read(failed, event("response.output_text.delta", output_index=0, delta="x")) == [Failed("boom")]


def test_events_without_an_index_belong_to_the_item_that_is_open():
    pieces = read(
        event("response.output_item.added", item=message()),
        event("response.output_text.delta", delta="Hi"),
        event("response.output_item.done", item=message(text("Hi"))),
        event("response.output_item.added", item={"type": "function_call"}),
        event("response.output_item.done", item={"type": "function_call", "name": "f", "call_id": "c"}),
        event("response.completed", response=response(message(text("Hi")), {"type": "function_call", "name": "f"})),
    )
    assert pieces == [Words("Hi"), Calls(Call(id="c", name="f")), Ended(Stop.TOOLS)]


def test_two_calls_of_one_id_are_told_apart_and_one_that_is_told_twice_is_one():
    def call(n, arguments):
        item = {"type": "function_call", "name": "f", "call_id": "c", "arguments": arguments}
        return event("response.output_item.done", output_index=n, item=item)

    calls = [piece.call for piece in read(call(0, "{}"), call(1, "{}"), call(2, '{"a":1}')) if isinstance(piece, Calls)]
    assert calls == [Call(id="c", name="f"), Call(id="c-2", name="f", arguments='{"a":1}')]


ODD = [
    b": a comment\n\n",
    b"data: [DONE]\n\n",
    b"data: no json\n\n",
    b'data: {"type":5}\n\n',
    b'data: {"type":"response.output_text.delta","output_index":"0","delta":{"a":1}}\n\n',
    b'data: {"type":"response.output_text.annotation.added","output_index":0,"annotation":5}\n\n',
    b'data: {"type":"response.output_item.done","output_index":9,"item":5}\n\n',
    b'data: {"type":"response.output_item.done","output_index":9,"item":{"type":"function_call"}}\n\n',
    b'data: {"type":"response.created","response":[]}\n\n',
    b'data: {"type":"response.output_text.delta","delta":null,"output_index":99999999999999999999999}\n\n',
    b'data: {"type":"an.event.of.tomorrow"}\n\n',
    b'data: {"type":"response.output_text.delta","x":' + b"[" * 4000 + b"]" * 4000 + b"}\n\n",
    b"data: \xff\xfe\n\n",
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_breaks_the_protocol_costs_nothing_else(odd):
    around = event("response.output_text.delta", output_index=0, content_index=0, delta="Hi")
    assert [piece.text for piece in read(around, odd, around) if isinstance(piece, Words)] == ["Hi", "Hi"]
    going_on = writer()
    going_on.absorb(event("response.created", response=response()) + odd + around + odd)
    assert going_on.said.text == "Hi"
    assert json.loads(going_on.write([Ended(Stop.END)]).split(b"data: ")[-1])["type"] == "response.completed"


def test_half_a_surrogate_pair_costs_one_character():
    cut = b'data: {"type":"response.output_text.delta","output_index":0,"delta":"\\ud83d!"}\r\n\r\n'
    assert read(cut)[0] == Words("\ufffd!")


# --- streams as they are written


def test_events_are_written_in_the_order_that_sdks_expect():
    data = writer().write(
        [
            Began("msg_01", "claude-x"),
            Thinks("Hm"),
            ThoughtEnds(),
            Words("Hi "),
            Cites(Citation(url="https://x.test", title="X")),
            Cites(Citation(quote="no url")),
            Apart(),
            Refuses("No."),
            Calls(Call(id="toolu_1", name="f", arguments='{"a":1}')),
            Counted(Counts(fresh=5, cache_read=4, output=7, thought=3)),
            Ended(Stop.TOOLS),
        ]
    )
    assert kinds_of(data) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    last = items_of(data)[-1]["response"]
    thought, said, call = last["output"]
    assert [item["sequence_number"] for item in items_of(data)] == list(range(24))
    assert (last["id"], last["model"], last["created_at"]) == ("resp_a1", "claude-x", STAMP.created_s)
    assert thought["id"].startswith(f"rs_{UNSIGNED}_")
    assert thought["encrypted_content"] == UNSIGNED
    assert said["content"][0]["annotations"] == [{**URL, "end_index": 3}]
    assert (call["call_id"], call["status"]) == ("toolu_1", "completed")
    assert last["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 16,
    }


def test_a_response_says_again_what_was_asked():
    data = writer(instructions="Be kind.", tools=[{"type": "custom", "name": "x"}], temperature=None).write([Began()])
    head = items_of(data)[0]["response"]
    assert (head["instructions"], head["tools"], head["temperature"]) == (
        "Be kind.",
        [{"type": "custom", "name": "x"}],
        None,
    )
    assert (head["status"], head["usage"]) == ("in_progress", None)
    unread = RESPONSES.writer(
        Ask(**{name: getattr(ask(), name) for name in Ask.__struct_fields__} | {"body": b"x"}), STAMP
    )
    assert items_of(unread.write([Began("resp_9")]))[0]["response"]["id"] == "resp_9"


@pytest.mark.parametrize(
    ("pieces", "status", "reason"),
    [
        ([Words("a"), Ended(Stop.END)], "completed", None),
        ([Words("a"), Ended(Stop.SEQUENCE, "x")], "completed", None),
        ([Words("a"), Ended(Stop.LENGTH)], "incomplete", "max_output_tokens"),
        ([Words("a"), Ended(Stop.CONTEXT)], "incomplete", "max_output_tokens"),
        ([Words("a"), Ended(Stop.REFUSED)], "incomplete", "content_filter"),
        ([Refuses("a"), Ended(Stop.REFUSED)], "completed", None),
    ],
)
def test_how_it_ended_is_said_in_status_and_reason(pieces, status, reason):
    last = items_of(writer().write(pieces))[-1]
    assert last["type"] == f"response.{status}"
    assert last["response"]["incomplete_details"] == (reason and {"reason": reason})
    assert last["response"]["output"][0]["status"] == status
    assert last["response"]["usage"] is None


def test_what_only_responses_has_goes_out_as_it_came_and_an_image_as_one():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    pieces = [
        Gives(Foreign(origin=ME, what="web_search_call", raw=json.dumps(search).encode())),
        Gives(Foreign(origin=ME, what="output_hologram", raw=b"{}")),
        Gives(Foreign(origin=Protocol.ANTHROPIC, what="server_tool_use", raw=b"{}")),
        Gives(Media(kind=Kind.IMAGE, media_type="image/png", data="QUJD")),
        Ended(Stop.END),
    ]
    found, image = items_of(writer().write(pieces))[-1]["response"]["output"]
    assert found == search
    assert (image["type"], image["result"]) == ("image_generation_call", "QUJD")


def test_a_redacted_thought_keeps_the_name_it_was_sealed_with():
    (thought,) = items_of(writer().write([ThoughtEnds(SEAL), ThoughtEnds(), Ended(Stop.END)]))[-1]["response"]["output"]
    assert thought == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"}


def test_a_thought_whose_seal_comes_behind_it_is_brought_back_with_the_name_it_was_sealed_with():
    data = writer().write([Thinks("Hm"), ThoughtEnds(SEAL), Ended(Stop.END)])
    (thought,) = items_of(data)[-1]["response"]["output"]
    body = json.dumps({"model": "m", "input": [thought]}).encode()
    (cleaned,) = json.loads(RESPONSES.cleaned(body))["input"]
    assert (cleaned["id"], cleaned["encrypted_content"]) == ("rs_1", "enc")
    assert read(data)[1:3] == [Thinks("Hm"), ThoughtEnds(SEAL)]


# --- going on


def broken_after(*pieces):
    """What an upstream sent of an answer that broke off, and a writer that goes on with it."""
    upstream = RESPONSES.writer(ask(), Stamp(id="up", created_s=5))
    before = upstream.write(list(pieces))
    going_on = writer()
    going_on.absorb(before)
    return before, going_on


def test_text_goes_on_in_the_same_part_of_the_same_item():
    before, going_on = broken_after(Began("", "gpt-x"), Words("Once "))
    after = going_on.write([Began("", "other"), Words("upon"), Counted(Counts(output=2)), Ended(Stop.END)])
    assert kinds_of(after) == [
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    delta, last = items_of(after)[0], items_of(after)[-1]
    assert (delta["item_id"], delta["output_index"], delta["content_index"]) == ("msg_up_0", 0, 0)
    assert delta["sequence_number"] == len(items_of(before))
    assert (last["response"]["id"], last["response"]["model"]) == ("resp_up", "gpt-x")
    assert last["response"]["output"][0]["content"][0]["text"] == "Once upon"


def test_a_thought_that_was_cut_is_closed_under_its_own_name_and_marked():
    before, going_on = broken_after(Began(), Thinks("Hm"))
    before = before.replace(f"rs_{UNSIGNED}_up_0".encode(), b"rs_theirs")
    going_on = writer()
    going_on.absorb(before)
    after = going_on.write([ThoughtEnds(), Thinks("Hm!"), ThoughtEnds(), Words("So."), Ended(Stop.END)])
    first, second, said = items_of(after)[-1]["response"]["output"]
    assert (first["id"], first["encrypted_content"]) == ("rs_theirs", UNSIGNED)
    assert UNSIGNED in second["id"]
    assert said["content"][0]["text"] == "So."
    brought = json.dumps({"model": "m", "input": [first, second, said]}).encode()
    assert json.loads(RESPONSES.cleaned(brought))["input"] == [said]


def test_words_behind_a_thought_that_nobody_ended_close_it():
    _, going_on = broken_after(Began(), Thinks("Hm"))
    output = items_of(going_on.write([Words("So."), Ended(Stop.END)]))[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]


def test_items_that_went_out_as_they_came_stand_in_the_end_as_they_came():
    odd = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [text("Hi")],
        "phase": "commentary",
        "x": 1.50,
    }
    going_on = writer()
    going_on.absorb(
        event("response.created", sequence_number=0, response=response(status="in_progress", x="theirs"))
        + event("response.output_item.done", sequence_number=7, output_index=3, item=odd)
    )
    first, *_, last = items_of(going_on.write([Words("Ho"), Ended(Stop.END)]))
    assert (first["output_index"], first["sequence_number"]) == (4, 8)
    assert last["response"]["output"][0] == odd
    assert last["response"]["x"] == "theirs"


REASONING = event("response.created", response=response()) + event(
    "response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1"}
)


def test_a_thought_that_was_told_in_full_goes_on_in_full():
    going_on = writer()
    going_on.absorb(REASONING + event("response.reasoning_text.delta", output_index=0, content_index=0, delta="Hm"))
    after = going_on.write([Thinks("m"), ThoughtEnds(), Ended(Stop.END)])
    assert kinds_of(after)[:2] == ["reasoning_text.delta", "reasoning_text.done"]
    assert items_of(after)[-1]["response"]["output"][0]["content"] == [{"type": "reasoning_text", "text": "Hmm"}]


def test_the_paragraphs_of_a_summary_that_went_out_stay_apart():
    going_on = writer()
    going_on.absorb(
        REASONING
        + event("response.reasoning_summary_part.added", output_index=0, summary_index=0, part={"type": "summary_text"})
        + event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="One")
        + event("response.reasoning_summary_text.done", output_index=0, summary_index=0, text="One")
        + event("response.reasoning_summary_part.done", output_index=0, summary_index=0)
        + event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="Two")
        + event("response.reasoning_summary_text.delta", output_index=0, summary_index=2, delta="Thr")
    )
    assert going_on.said.is_thinking
    after = going_on.write([ThoughtEnds(SEAL), Ended(Stop.END)])
    (thought,) = items_of(after)[-1]["response"]["output"]
    assert [part["text"] for part in thought["summary"]] == ["One", "Two", "Thr"]


@pytest.mark.parametrize("told", [True, False])
def test_a_text_that_is_told_whole_is_not_told_again(told):
    going_on = writer()
    going_on.absorb(
        event("response.created", response=response())
        + event("response.output_item.added", output_index=0, item=message())
        + event("response.content_part.added", output_index=0, content_index=0, part=text(""))
        + event("response.output_text.annotation.added", output_index=0, content_index=0, annotation=URL)
        + (event("response.output_text.done", output_index=0, content_index=0, text="Hi") if told else b"")
    )
    after = going_on.write([Words("Ho"), Ended(Stop.END)])
    assert kinds_of(after).count("output_text.done") == 1
    content = items_of(after)[-1]["response"]["output"][0]["content"]
    assert [part["text"] for part in content] == (["Hi", "Ho"] if told else ["Ho"])
    assert content[0]["annotations"] == [URL]


CALL = event("response.created", response=response()) + event(
    "response.output_item.added",
    output_index=0,
    item={"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": ""},
)


def test_a_call_that_was_announced_is_made_by_the_next_upstream():
    going_on = writer()
    going_on.absorb(CALL)
    after = going_on.write([Calls(Call(id="toolu_9", name="g", arguments="{}")), Ended(Stop.TOOLS)])
    assert kinds_of(after) == ["function_call_arguments.done", "output_item.done", "completed"]
    (call,) = items_of(after)[-1]["response"]["output"]
    assert (call["id"], call["call_id"], call["name"], call["status"]) == ("fc_1", "call_1", "g", "completed")


@pytest.mark.parametrize("item", [None, 5, {"type": "function_call", "call_id": 7}])
def test_a_call_that_nobody_makes_is_incomplete(item):
    going_on = writer()
    going_on.absorb(
        CALL
        if item is None
        else CALL[: CALL.index(b"event: response.output_item")] + event("response.output_item.added", item=item)
    )
    after = going_on.write([Ended(Stop.END)])
    (call,) = items_of(after)[-1]["response"]["output"]
    assert call["status"] == "incomplete"


def test_several_open_items_are_all_closed():
    going_on = writer()
    going_on.absorb(
        event("response.created", response=response())
        + b"".join(event("response.output_item.added", output_index=n, item=message()) for n in range(3))
        + event("response.output_text.delta", output_index=0, content_index=0, delta="Hi")
        + event("response.refusal.delta", output_index=7, content_index=0, delta="lost")
        + event("response.content_part.done", output_index=7, content_index=0)
    )
    output = items_of(going_on.write([Words("Ho"), Ended(Stop.END)]))[-1]["response"]["output"]
    assert [[part["text"] for part in item["content"]] for item in output] == [["Hi"], [], ["Ho"]]


def test_behind_an_end_or_an_error_nothing_is_written():
    ended = writer()
    ended.absorb(event("response.completed", response=response()))
    assert ended.write([Words("more"), Ended(Stop.END)]) == b""
    _, failing = broken_after(Began(), Words("Hi"))
    (error,) = items_of(failing.error(Fault.OVERLOADED, "busy"))
    assert (error["type"], error["sequence_number"]) == ("error", 5)
    assert failing.write([Words("more")]) == b""


# --- whole


def test_a_whole_answer_has_the_items_of_a_streamed_one():
    reply = Reply(
        id="msg_1",
        model="claude-x",
        parts=(
            Thought(text="Hm", seal=SEAL),
            Thought(text="Hm"),
            Thought(seal=Seal(origin=ME, data="enc")),
            Text(text="Hi", citations=(Citation(url="https://x.test", title="X", start=0, end=2),)),
            Refused(text="No."),
            Call(id="c", name="f"),
            Media(kind=Kind.IMAGE, data="QUJD"),
        ),
        stop=Stop.TOOLS,
        counts=Counts(fresh=1, output=2),
    )
    body = json.loads(RESPONSES.write_reply(reply, ask(), STAMP))
    thoughts = body["output"][:3]
    assert [item["id"] for item in thoughts] == ["rs_1", f"rs_{UNSIGNED}_a1_1", "rs_a1_2"]
    assert thoughts[0] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "enc",
    }
    assert [item["type"] for item in body["output"][3:]] == ["message", "function_call", "image_generation_call"]
    assert body["output"][3]["content"][0]["annotations"] == [URL]
    read_back = RESPONSES.read_reply(json.dumps(body).encode())
    assert read_back.parts[1] == Thought(text="Hm")
    assert (read_back.stop, read_back.counts.input) == (Stop.TOOLS, 1)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"output":5}', b'{"output":[{"type":"function_call"}]}'])
def test_what_is_no_response_is_no_json(data):
    with pytest.raises(NoJson):
        RESPONSES.read_reply(data)
