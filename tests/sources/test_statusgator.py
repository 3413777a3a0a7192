"""StatusGator mirrors pages (official) and warns early from users (crowd); only monitors of the service count."""

import json

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import State
from stillup.model.signal import Alive, Counted, Declared
from stillup.sources.statusgator import SOURCE


@pytest.fixture
def monitors(answer):
    """The recorded quiet board with its last monitor changed, as bytes."""

    def make(**fields):
        page = json.loads(answer("statusgator/quiet.json"))
        page["data"][-1] |= fields
        return json.dumps(page).encode()

    return make


def test_the_boards_are_asked_for_first(context):
    (request,) = SOURCE.requests(context())
    assert (request.url, request.tag) == ("https://statusgator.com/api/v3/boards", "boards")


def test_a_board_named_in_the_config_saves_that_request(context):
    (request,) = SOURCE.requests(context(board="a/b"))
    assert request.url == "https://statusgator.com/api/v3/boards/a%2Fb/monitors"
    assert dict(request.params) == {"per_page": "100", "page": "1"}


def test_the_token_goes_as_a_bearer_and_is_not_shown(context, key):
    (request,) = SOURCE.requests(context())
    header = dict(request.headers)["Authorization"]
    assert header.reveal() == f"Bearer {key}"
    assert key not in f"{header!r} {header}"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("up", State.OPERATIONAL),
        ("warn", State.DEGRADED),
        ("down", State.MAJOR_OUTAGE),
        ("maintenance", State.MAINTENANCE),
        ("unknown", State.UNKNOWN),
    ],
)
def test_a_monitors_status_is_declared_of_the_service(monitors, context, now, status, state):
    reading = SOURCE.parse(monitors(filtered_status=status), context())
    assert reading.signals == (
        Declared(at=now, service="claude", source="statusgator", state=state),
        Alive(at=now, service="claude", source="statusgator"),
    )
    assert reading.says == f"StatusGator: {status}"


@pytest.mark.parametrize("status", ["", "green", None, 1])
def test_an_unknown_status_spoils_the_answer(monitors, context, status):
    with pytest.raises(Malformed):
        SOURCE.parse(monitors(filtered_status=status), context())


def test_an_early_warning_is_one_report_where_next_to_none_are_usual(monitors, context, now):
    reading = SOURCE.parse(monitors(early_warning_signal=True), context(interval_s=300))
    (warning,) = [s for s in reading.signals if isinstance(s, Counted)]
    assert (warning.at, warning.window_s, warning.count, warning.expected) == (now, 300, 1, 0.0001)
    assert "early warning" in reading.says


@pytest.mark.parametrize(
    "fields",
    [
        {"service": {"slug": "another"}},
        {"paused_at": "2026-05-01T00:00:00Z"},
        {"monitor_type": "WebsiteMonitor"},
        {"service": None, "display_name": "Claude fan club"},
    ],
)
def test_a_board_without_a_running_monitor_of_the_service_is_not_configured(monitors, context, fields):
    with pytest.raises(NotConfigured, match="follows Claude"):
        SOURCE.parse(monitors(**fields), context())


@pytest.mark.parametrize("name", ["Claude", "CLAUDE", " claude "])
def test_a_monitor_without_a_slug_is_told_by_its_name(monitors, context, name):
    assert SOURCE.parse(monitors(service=None, display_name=name), context()).signals


def test_an_answer_that_says_it_failed_is_no_answer(context):
    with pytest.raises(Malformed, match="failed"):
        SOURCE.parse(b'{"success": false, "data": []}', context())


def _page(monitor, following):
    return json.dumps({"success": True, "data": [monitor], "pagination": {"next_page": following}}).encode()


async def test_boards_and_pages_are_walked_until_the_last(site, answer, context):
    quiet = json.loads(answer("statusgator/quiet.json"))["data"]
    path = "/boards/board0001/monitors"
    server, net = await site(
        {
            "/boards": answer("statusgator/boards.json"),
            f"{path}?per_page=100&page=1": _page(quiet[0], 2),
            f"{path}?per_page=100&page=2": _page(quiet[-1] | {"filtered_status": "warn"}, None),
        }
    )
    reading = await SOURCE.read(context(base_url=server.url("").rstrip("/")), net)
    assert reading.says == "StatusGator: warn"


async def test_paging_without_end_is_left_after_a_few_pages(site, answer, context):
    quiet = json.loads(answer("statusgator/quiet.json"))["data"]
    server, net = await site({"/boards/b/monitors": _page(quiet[-1], 2)})
    await SOURCE.read(context(base_url=server.url("").rstrip("/"), board="b"), net)
    assert len(server.heads) == 5


async def test_an_account_without_boards_is_not_configured(site, context):
    server, net = await site({"/boards": b'{"success": true, "data": []}'})
    with pytest.raises(NotConfigured, match="no board"):
        await SOURCE.read(context(base_url=server.url("").rstrip("/")), net)
