"""The access log: one line a request that a program can read, whatever models are called; no content, no key."""

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import UsageError
from stillup.gateway.core.fault import Fault
from stillup.gateway.seen import Ending
from stillup.gateway.seen.access import MOST_BYTES, AccessLog, Descriptor, LogFile, Style
from stillup.gateway.seen.make import equip, labels_for

from .conftest import KEY, MISTRAL, PROMPT, USAGE, Told, ask, try_

NOW_S = datetime(2026, 4, 7, 14, 30, 5, 123_456, tzinfo=UTC).timestamp()


class Kept:
    """A sink that keeps what it is given, or refuses it."""

    def __init__(self, error=None):
        self.lines = b""
        self.error = error

    def write(self, lines):
        if self.error:
            raise self.error
        self.lines += lines

    def close(self):
        self.lines += b"closed"


def logged(style, *tries, **rest):
    """The lines that one request leaves."""
    sink = Kept()
    log = AccessLog(sink, style)
    one = Told(access=log)
    passage = one.seen.begin(rest.pop("asked", ask()), rest.pop("request_id", "r1"), rest.pop("user", ""))
    for result in tries:
        one.seen.tried(passage, result)
    one.seen.ended(passage, rest.pop("ending", Ending.ANSWERED), **({"status": 200} | rest))
    log.flush()
    return sink.lines.decode()


WORD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |\n)')


def read_logfmt(line):
    """A line as any reader of logfmt takes it apart."""
    parts = WORD.findall(line)
    assert "".join(f"{name}={value} " for name, value in parts).rstrip() + "\n" == line
    return {name: json.loads(value) if value.startswith('"') else value for name, value in parts}


def test_a_line_tells_who_was_asked_what_came_of_it_and_what_it_took():
    line = logged(
        Style.LOGFMT,
        try_(Fault.OVERLOADED, usage=USAGE),
        try_(target=MISTRAL, model="mistral-large", usage=USAGE),
        first_token_s=0.8123,
        sent_bytes=321,
        user="ada",
        reason="overloaded",
    )
    assert line == (
        "time=2026-04-07T14:00:00.000Z id=r1 protocol=anthropic operation=generate model=claude-opus-4-5"
        " outcome=answered stream=true user=ada status=200 upstream=mistral served=mistral-large attempts=2"
        " reason=overloaded first_token_ms=812.3 total_ms=0.0 received_bytes=37 sent_bytes=321"
        " input_tokens=10 output_tokens=20 cache_read_tokens=1000 cache_write_tokens=5\n"
    )


@pytest.mark.parametrize("style", Style)
def test_an_answer_that_went_on_elsewhere_says_how_often(style):
    sink = Kept()
    log = AccessLog(sink, style)
    one = Told(access=log)
    passage = one.seen.begin(ask(), "r1", "")
    one.seen.tried(passage, try_(Fault.CUT))
    one.seen.continued(passage, try_(Fault.CUT), MISTRAL)
    one.seen.tried(passage, try_(target=MISTRAL, model="mistral-large"))
    one.seen.ended(passage, Ending.ANSWERED, status=200)
    log.flush()
    assert (" continued=1 " if style is Style.LOGFMT else '"continued":1') in sink.lines.decode()


def test_what_is_not_known_is_not_there():
    line = logged(Style.JSON, ending=Ending.REFUSED, status=404, asked=ask(model="", stream=False))
    assert json.loads(line) == {
        "time": "2026-04-07T14:00:00.000Z",
        "id": "r1",
        "protocol": "anthropic",
        "operation": "generate",
        "model": "",
        "outcome": "refused",
        "status": 404,
        "total_ms": 0.0,
        "received_bytes": 37,
    }


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds it
def test_a_time_is_written_to_the_millisecond(at):
    written = datetime.fromisoformat(AccessLog(Kept())._time(at.timestamp()))
    assert timedelta(0) <= at - written <= timedelta(milliseconds=1.001)


NAMES = st.text(max_size=150)


@given(model=NAMES, user=NAMES, served=NAMES, fault=st.sampled_from([None, *Fault]))
def test_both_styles_are_one_readable_line_and_say_the_same(model, user, served, fault):
    tries, rest = [try_(fault, model=served, usage=USAGE)], {"asked": ask(model=model), "user": user}
    logfmt, as_json = logged(Style.LOGFMT, *tries, **rest), logged(Style.JSON, *tries, **rest)
    assert logfmt.count("\n") == as_json.count("\n") == 1
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", logfmt + as_json) is None
    known = json.loads(as_json)
    found = read_logfmt(logfmt)
    for name, value in found.items():
        expected = known.get(name, {"sent_bytes": 0, "attempts": 0}.get(name, ""))
        assert value == ("true" if expected is True else str(expected)), name
    assert set(known) <= set(found)


def test_no_key_and_no_content_is_ever_in_it():
    for style in Style:
        line = logged(style, try_(Fault.UNAUTHORIZED), ending=Ending.FAILED)
        assert KEY not in line
        assert PROMPT not in line


def test_a_sink_that_refuses_costs_its_lines_and_nothing_else():
    sink = Kept(OSError("full"))
    log = AccessLog(sink)
    one = Told(access=log)
    one.seen.ended(one.seen.begin(ask(), "r1"), Ending.REFUSED)
    log.flush()
    assert log.dropped == 1
    sink.error = None
    one.seen.ended(one.seen.begin(ask(), "r2"), Ending.REFUSED)
    log.flush()
    assert b"id=r2" in sink.lines
    assert b"stillup_gateway_access_log_dropped_total 1.0" in one.seen.render()


def test_a_sink_that_does_not_take_anything_fills_no_memory():
    log = AccessLog(Kept())
    one = Told(access=log)
    passage = one.seen.begin(ask(), "r1")
    line = len(log._line(passage, log._time(NOW_S)))
    for _ in range(MOST_BYTES // line + 1_000):
        log.ended(passage, NOW_S)
    assert log.dropped >= 990
    assert sum(map(len, log._lines)) <= MOST_BYTES + line


def test_a_file_is_its_owners_alone_and_survives_rotation(tmp_path):
    path = tmp_path / "access.log"
    sink = LogFile(path)
    sink.write(b"one\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.rename(tmp_path / "access.log.1")
    sink.write(b"two\n")
    sink.close()
    assert (tmp_path / "access.log.1").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"


def test_a_pipe_that_takes_a_little_at_a_time_gets_every_byte():
    out, into = os.pipe()
    lines = b"a line of some length\n" * 20_000  # more than a pipe holds
    writer = Thread(target=Descriptor(into).write, args=(lines,))
    writer.start()
    found = b""
    while len(found) < len(lines):
        found += os.read(out, 1_000)
    writer.join()
    os.close(out)
    os.close(into)
    assert found == lines


async def test_lines_are_written_when_it_stops_and_the_sink_is_closed(told):
    sink = Kept()
    one = told(access=AccessLog(sink))
    await one.seen.start()
    await one.request(try_())
    await one.seen.stop()
    assert sink.lines.count(b"\n") == 1
    assert sink.lines.endswith(b"closed")


@pytest.mark.parametrize("where", ["/", "/nowhere/at/all/access.log"])
def test_a_log_that_cannot_be_opened_is_said_in_one_sentence(told, where):
    with pytest.raises(UsageError, match=r"^the access log .* cannot be opened: "):
        equip(told().seen, {}, log=where)


async def test_a_log_as_a_person_asks_for_it_is_written(told, tmp_path):
    one = told()
    assert equip(one.seen, {}, log=str(tmp_path / "access.log"), style=Style.JSON) == ""
    await one.request(try_())
    await one.seen.stop()
    assert json.loads((tmp_path / "access.log").read_text())["outcome"] == "answered"


def test_dated_names_of_the_catalogue_are_one_label_and_a_configured_name_is_its_own():
    labels = labels_for(["our-model"])
    assert {labels.of(m) for m in ("claude-opus-4-5", "claude-opus-4-5-20251101", "anthropic/claude-opus-4.5")} == {
        "claude-opus-4-5"
    }
    assert [labels.of(m) for m in ("our-model", "their-model")] == ["our-model", "other"]
