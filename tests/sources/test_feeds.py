"""Feeds of status pages: where an incident stands, in every way in which they say it."""

from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.sources.feeds import ATOM, RSS
from stillup.sources.pages.feed_entry import entries_of
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import Profile

RECENT = "Tue, 12 May 2026 14:50:00 GMT"


def item(title="Trouble", text="", date=RECENT, **more):
    """One item of RSS."""
    tags = {"title": title, "description": f"<![CDATA[{text}]]>", "pubDate": date} | more
    return "<item>" + "".join(f"<{k}>{v}</{k}>" for k, v in tags.items() if v is not None) + "</item>"


def rss(*items):
    return f"<rss version='2.0'><channel><title>Status</title>{''.join(items)}</channel></rss>".encode()


def lines(reading):
    return {
        s.incident: (s.component, s.state, s.stage) for s in reading.signals if isinstance(s, Declared) and s.incident
    }


def only(reading):
    (line,) = [s for s in reading.signals if isinstance(s, Declared) and s.incident]
    return line


# -- incident.io ------------------------------------------------------------------------------------------------------


def test_listed_components_have_the_states_the_list_gives_them(answer, context):
    reading = ATOM.parse(answer("atom/good.xml"), context())
    told = [s for s in reading.signals if isinstance(s, Declared) and s.incident and s.state.is_fault]
    assert {s.component: s.state for s in told} == {"api": State.DEGRADED, "code": State.PARTIAL_OUTAGE}


def test_a_component_listed_as_operational_is_not_blamed(answer, context):
    components = {s.component for s in ATOM.parse(answer("atom/good.xml"), context()).signals if hasattr(s, "state")}
    assert "console" in components  # as every component is named in general
    told = [s for s in ATOM.parse(answer("atom/good.xml"), context()).signals if getattr(s, "incident", None)]
    assert "console" not in {s.component for s in told}


def test_an_id_with_a_double_slash_is_its_last_part(answer, context):
    assert "01M1OPEN0000000000000000AA" in lines(ATOM.parse(answer("atom/good.xml"), context()))


def test_a_title_in_cdata_may_hold_what_it_likes(answer, context):
    body = answer("atom/good.xml").replace(b"Elevated errors across", "<b>Elevated</b> \u202eerrors & more:".encode())
    (title,) = {
        s.title for s in ATOM.parse(body, context()).signals if getattr(s, "stage", None) is Stage.INVESTIGATING
    }
    assert title == "Elevated errors & more: Claude"


def test_the_label_is_taken_off_the_text(answer, context):
    bodies = [s.body for s in ATOM.parse(answer("atom/good.xml"), context()).signals if getattr(s, "body", None)]
    assert bodies == ["We are investigating.", "This incident has been resolved."]


# -- xAI --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "state"), [("outage", State.MAJOR_OUTAGE), ("degraded", State.DEGRADED)])
def test_active_is_open_with_its_severity_and_the_component_in_brackets(context, severity, state):
    text = f"<h3>Status: ACTIVE</h3><p>Severity: {severity}</p>"
    line = only(RSS.parse(rss(item("[Claude Code] Trouble", text, guid="INC1")), context()))
    assert (line.component, line.state, line.incident) == ("code", state, "INC1")


def test_what_the_feed_calls_active_is_open_although_an_update_once_said_resolved(context):
    text = "<h3>Status: ACTIVE</h3><div><h3>Investigating outage</h3></div><div><h3>Resolved</h3></div>"
    assert only(RSS.parse(rss(item(text=text, guid="i1")), context())).stage is Stage.INVESTIGATING


def test_categories_alone_say_it_too(context):
    line = only(RSS.parse(rss(item("[Claude API] X", category="active", guid="i1")), context()))
    assert (line.component, line.state) == ("api", State.DEGRADED)


def test_names_that_differ_in_brackets_alone_are_told_apart_and_ids_go_first(context):
    def component(title, link):
        text = "<h3>Status: ACTIVE</h3><p>Severity: outage</p>"
        return only(RSS.parse(rss(item(title, text, link=link, guid="i1")), context("grok"))).component

    assert component("[Grok (Web)] Models outage", "https://status.x.ai/other/i1") == "web"
    assert component("[Grok (iOS)] Models outage", "https://status.x.ai/other/i1") == "apps"
    assert component("[Renamed] Models outage", "https://status.x.ai/grok-com/i1") == "web"


def test_an_update_in_the_text_keeps_an_incident_fresh_that_began_long_ago(context):
    text = "<h3>Status: ACTIVE</h3><p><strong>Tue, 12 May 2026 14:40:00 GMT</strong></p>"
    old = "Sat, 09 May 2026 14:40:00 GMT"
    assert only(RSS.parse(rss(item(text=text, date=old, guid="i1")), context())).state is State.DEGRADED


# -- Better Stack -----------------------------------------------------------------------------------------------------


def test_a_monitor_that_recovered_is_up_whatever_the_order_of_its_items(context):
    down = item("Claude API went down", date="Tue, 12 May 2026 14:00:00 -0000", guid="a")
    up = item("Claude API recovered", date="Tue, 12 May 2026 14:10:00 -0000", guid="b")
    for items in ((down, up), (up, down)):
        line = only(RSS.parse(rss(*items), context()))
        assert (line.state, line.incident) == (State.OPERATIONAL, "monitor-claude-api")


def test_a_monitor_that_went_down_again_is_down(context):
    items = [
        item(f"Claude API {word}", date=f"Tue, 12 May 2026 14:{m}:00 -0000")
        for word, m in [("went down", "00"), ("recovered", "10"), ("went down", "20")]
    ]
    line = only(RSS.parse(rss(*items), context()))
    assert (line.component, line.state) == ("api", State.MAJOR_OUTAGE)


def test_a_monitor_nobody_knows_is_a_part_and_not_the_whole(context):
    line = only(RSS.parse(rss(item("Kimi K3 went down")), context()))
    assert (line.component, line.state) == (None, State.PARTIAL_OUTAGE)


# -- AWS, OpenRouter, Flashduty ---------------------------------------------------------------------------------------


def test_updates_of_one_event_are_items_of_their_own_and_the_newest_counts(answer, context):
    found = lines(RSS.parse(answer("rss/good-aws.xml"), context("bedrock")))
    assert found["bedrock-us-east-1"] == ("api", State.PARTIAL_OUTAGE, None)
    assert found["bedrock-eu-west-1"] == (None, State.OPERATIONAL, Stage.RESOLVED)


def test_pacific_time_is_read_as_such(answer):
    _, entries = entries_of(answer("rss/good-aws.xml"), "rss")
    assert entries[0].updated == datetime(2026, 5, 12, 14, 40, tzinfo=UTC)


def test_capitals_and_a_link_without_a_scheme(answer, context):
    reading = RSS.parse(answer("rss/good-openrouter.xml"), context())
    assert lines(reading)["n8dZe48m14W"] == ("api", State.DEGRADED, Stage.INVESTIGATING)
    assert [link.url for link in reading.links] == ["https://status.example/incidents/n8dZe48m14W"]


def test_a_label_in_bold_with_its_word_behind(context):
    text = "<p><strong>Status:</strong> monitoring</p><p>All well soon.</p>"
    assert only(RSS.parse(rss(item(text=text, guid="i1")), context())).stage is Stage.MONITORING


# -- dates ------------------------------------------------------------------------------------------------------------


def test_an_entry_from_the_future_is_open_now_and_maintenance_to_come_is_not(context, now):
    later = (now + timedelta(days=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    bold = "<strong>{}</strong> - text"
    reading = RSS.parse(
        rss(
            item(text=bold.format("Investigating"), date=later, guid="i1"),
            item(text=bold.format("Scheduled"), date=later, guid="i2"),
        ),
        context(),
    )
    assert lines(reading) == {"i1": (None, State.DEGRADED, Stage.INVESTIGATING)}
    assert all(s.at <= now for s in reading.signals)


def test_an_open_entry_without_a_date_is_unknown_and_one_beside_it_counts(context):
    bold = "<strong>Investigating</strong>"
    undated, dated = item("One", bold, None, guid="i1"), item("Two", bold, guid="i2")
    found = lines(RSS.parse(rss(undated, dated), context()))
    assert {i: s for i, (_, s, _) in found.items()} == {"i1": State.UNKNOWN, "i2": State.DEGRADED}
    with pytest.raises(Malformed, match="no entry"):
        RSS.parse(rss(undated), context())


@pytest.mark.parametrize("date", ["yesterday", "Tue, 12 May 2026 14:50:00", "Tue, 12 May 99999 14:50:00 GMT", "x" * 50])
def test_a_date_without_a_zone_or_sense_is_none(date):
    _, (entry,) = entries_of(rss(item(date=date)), "rss")
    assert entry.updated is None


# -- never calm -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["Our new model is here", "Podcast, episode 7"])
def test_a_blog_is_no_status_page(context, title):
    with pytest.raises(Malformed):
        RSS.parse(rss(item(title, "<p>Read on.</p>")), context())
    with pytest.raises(Malformed):
        RSS.page_of({"feed": rss(item(title, "<p>Read on.</p>"))}, context().now)


@pytest.mark.parametrize("body", [b"<rss version='2.0'/>", b"<rss><channel><item/></channel></rss>"])
def test_a_feed_without_a_channel_or_a_title_is_none(context, body):
    with pytest.raises(Malformed):
        RSS.parse(body, context())


def test_a_quiet_feed_is_alive_and_calls_no_component_operational(answer, context):
    reading = RSS.parse(answer("rss/quiet.xml"), context())
    states = {s.state for s in reading.signals if isinstance(s, Declared) and not s.incident}
    assert states == {State.UNKNOWN}
    assert any(isinstance(s, Alive) for s in reading.signals)


def test_what_a_feed_no_longer_mentions_has_ended(context, now):
    """An incident that vanishes without a word must not stay red for ever."""
    monitor = Monitor(lambda service: Profile(service=service, components=("web", "api")))
    changes = []
    text = "<strong>Investigating</strong>"
    gone, there = rss(), rss(item("Outage of the API", text, guid="i1"))
    for minute, body in enumerate((gone, there, there, gone, gone)):
        then = now + timedelta(minutes=minute)
        read = RSS.parse(body, context(now=then)).signals
        changes += [v.state for v in monitor.step(then, read) if v.component is None]
    changes += [v.state for v in monitor.step(now + timedelta(hours=1), ()) if v.component is None]
    assert [s for s, _ in groupby(changes) if s is not State.UNKNOWN] == [
        State.OPERATIONAL, State.PARTIAL_OUTAGE, State.OPERATIONAL
    ]  # fmt: skip


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "base", "url"),
    [
        (RSS, "https://status.x.ai/feed.xml", "https://status.x.ai/feed.xml"),
        (RSS, "https://status.example/rss/bedrock-us-east-1.rss", "https://status.example/rss/bedrock-us-east-1.rss"),
        (RSS, "https://status.example", "https://status.example/history.rss"),
        (ATOM, "https://status.example", "https://status.example/history.atom"),
        (ATOM, "https://status.example/feed.atom", "https://status.example/feed.atom"),
    ],
)
def test_the_address_of_a_feed_is_asked_as_it_is_that_of_a_page_with_the_usual_end(source, base, url):
    assert [r.url for r in source.page_requests(base)] == [url]


# -- harm -------------------------------------------------------------------------------------------------------------


@given(title=st.text(max_size=80), text=st.text(max_size=200), date=st.text(max_size=40))
def test_any_unicode_is_read_or_refused_and_comes_out_printable(title, text, date):
    from stillup.catalog.load import catalogue
    from stillup.sources.base import Context, Setting

    ctx = Context(now=datetime(2026, 5, 12, 15, tzinfo=UTC), service=catalogue()["claude"], setting=Setting())
    escaped = [
        "".join(c for c in part if c.isprintable()).replace("&", "&amp;").replace("<", "&lt;")
        for part in (title, f"<h3>Status: ACTIVE</h3>{text}", date)
    ]
    try:
        reading = RSS.parse(rss(item(escaped[0], escaped[1].replace("]]>", ""), escaped[2])), ctx)
    except Malformed:
        return
    for signal in reading.signals:
        for part in (getattr(signal, name, None) for name in ("title", "body", "incident", "component")):
            assert part is None or part.isprintable()
    assert reading.says.isprintable()


@pytest.mark.parametrize(
    "text", ["<b>Status:" * 9000, "Status: " * 12_000, "<li>" * 25_000, "affected components" * 5000]
)
def test_texts_that_repeat_themselves_are_read_in_linear_time(context, text):
    body = rss(*(item(f"T{n}", f"<strong>Investigating</strong>{text}", guid=f"i{n}") for n in range(20)))
    assert len(lines(RSS.parse(body, context()))) == 20


def test_of_an_endless_feed_a_hundred_entries_are_read(context):
    body = rss(*(item(f"T{n}", "<strong>Investigating</strong>", guid=f"i{n}") for n in range(5000)))
    assert len(lines(RSS.parse(body, context()))) == 100
