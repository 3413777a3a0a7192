"""Azure: a feed that says little, and a table where a service may not be offered."""

import pytest

from stillup.errors import Malformed, TooLarge
from stillup.model.service import State
from stillup.model.signal import Alive, Declared
from stillup.sources.azure import SOURCE, is_over


def general(reading):
    lines = (s for s in reading.signals if isinstance(s, Declared) and not s.incident)
    return {s.component: s.state for s in lines if s.state is not State.UNKNOWN}


def incidents(reading):
    return [s for s in reading.signals if isinstance(s, Declared) and s.incident]


def table(*rows):
    cells = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td><span data-label={label!r}></span></td>' for label in labels)}</tr>"
        for name, *labels in rows
    )
    return f"<!DOCTYPE html><html><body><table>{cells}</table></body></html>".encode()


# -- the table --------------------------------------------------------------------------------------------------------


def test_not_available_is_not_offered_there_and_no_outage(context):
    reading = SOURCE.parse(table(("Claude API", "Not available", "Good")), context(), "table")
    assert general(reading) == {None: State.OPERATIONAL, "api": State.OPERATIONAL}


def test_a_service_that_is_offered_nowhere_says_nothing(context):
    body = table(("Claude API", "Good"), ("claude.ai", "Not available", "Not available"))
    assert "web" not in general(SOURCE.parse(body, context(), "table"))


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        (["Good", "Information"], State.OPERATIONAL),
        (["Good", "Warning"], State.DEGRADED),
        (["Good", "Critical"], State.PARTIAL_OUTAGE),
        (["Critical", "Not available", "Critical"], State.MAJOR_OUTAGE),
    ],
)
def test_a_service_is_as_bad_as_its_cells(context, labels, state):
    assert general(SOURCE.parse(table(("Claude API", *labels)), context(), "table"))["api"] is state


def test_a_service_of_several_tables_is_out_only_when_it_is_in_all(context):
    body = table(("Claude API", "Critical"), ("Claude API", "Good"))
    assert general(SOURCE.parse(body, context(), "table"))["api"] is State.PARTIAL_OUTAGE


def test_a_label_nobody_knows_is_malformed(context):
    with pytest.raises(Malformed, match="not known"):
        SOURCE.parse(table(("Claude API", "Good", "Glowing")), context(), "table")


def test_a_table_cut_short_or_too_large_is_no_table(context, answer):
    whole = answer("azure/good-table.html")
    with pytest.raises(Malformed):
        SOURCE.parse(whole[:-8], context(), "table")
    with pytest.raises(TooLarge):
        SOURCE.parse(b" " * (17 << 20) + b"</html>", context(), "table")


def test_table_true_asks_for_the_page_and_seldom(context):
    (feed,) = SOURCE.requests(context(base_url="http://127.0.0.1:9/status"))
    (page,) = SOURCE.requests(context(base_url="http://127.0.0.1:9/status", table=True))
    assert (feed.url, feed.tag) == ("http://127.0.0.1:9/status/feed/", "feed")
    assert (page.url, page.tag, page.min_interval_s) == ("http://127.0.0.1:9/status/", "table", 300.0)


# -- the feed ---------------------------------------------------------------------------------------------------------


def test_an_empty_feed_is_alive_and_calls_nothing_operational(answer, context):
    reading = SOURCE.parse(answer("azure/quiet.xml"), context())
    assert general(reading) == {}
    assert any(isinstance(s, Alive) for s in reading.signals)


def test_what_stands_in_the_feed_is_open_with_its_place(answer, context):
    (line,) = incidents(SOURCE.parse(answer("azure/good.xml"), context()))
    assert (line.component, line.state, line.region) == ("api", State.DEGRADED, "US-CA")


def test_a_region_that_only_the_text_names_is_not_its_place(answer, context):
    body = answer("azure/good.xml").replace(b" in West US", b"").replace(b"<category>West US</category>", b"")
    (line,) = incidents(SOURCE.parse(body, context()))
    assert line.region is None  # the text says that traffic moves to North Europe


def test_two_entries_that_link_the_same_page_are_two(answer, context):
    found = {s.incident: s.state for s in incidents(SOURCE.parse(answer("azure/outage.xml"), context()))}
    assert sorted(found.values()) == [State.OPERATIONAL, State.PARTIAL_OUTAGE]


def test_another_pages_feed_is_refused(answer, context):
    with pytest.raises(Malformed, match="another page"):
        SOURCE.parse(answer("azure/quiet.xml").replace(b"Azure Status", b"Cake Recipes"), context())


@pytest.mark.parametrize(
    ("title", "over"),
    [
        ("Virtual Machines - East US - Mitigated", True),
        ("[RESOLVED] Network - West Europe", True),
        ("Resolved: Azure Front Door", True),
        ("Issues connecting to resources in West US", False),
        ("Unresolved errors in Storage", False),
        ("Resolved in North Europe. Impact continues in West Europe", False),
        ("Storage - West US - Partially mitigated", False),
        ("Networking - not yet resolved", False),
        ("Resolved - root cause analysis ongoing", False),
        ("", False),
    ],
)
def test_in_doubt_an_entry_is_open(title, over):
    assert is_over(title) is over


def test_on_azures_page_a_service_of_it_counts_only_what_names_it(answer, context):
    quiet = SOURCE.parse(answer("azure/outage.xml"), context("azure-openai"))
    body = answer("azure/outage.xml").replace(b"claude.ai outage", b"Azure OpenAI Service outage")
    named = SOURCE.parse(body, context("azure-openai"))
    assert quiet.says == "page: nothing open in its feed"
    assert [s.state for s in incidents(named)] == [State.PARTIAL_OUTAGE]
