"""Lists of the API by pages: each line once, cursors that are checked in full, and what there is without an archive."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import StoreError
from stillup.web.api import cursor as cursors
from stillup.web.problems import Refusal
from tests.web import boards

V1 = "/api/v1"


def get(client, path, **rest):
    return client.get(V1 + path, **rest)


@pytest.mark.parametrize(("path", "of"), [("/incidents", "incidents"), ("/changes", "changes")])
def test_all_pages_together_are_the_whole_list_each_line_once(client, path, of):
    whole = get(client, f"{path}?limit=100").json()
    assert whole["next"] is None
    gathered, cursor = [], ""
    while cursor is not None:
        page = get(client, f"{path}?limit=1" + (f"&cursor={cursor}" if cursor else "")).json()
        gathered += page[of]
        cursor = page["next"]
    assert gathered == whole[of]


def test_the_link_header_leads_to_the_next_page(client):
    answer = get(client, "/incidents?limit=1&service=claude")
    link = answer.links["next"]["url"]
    assert parse_qs(urlsplit(link).query) == {
        "limit": ["1"],
        "service": ["claude"],
        "cursor": [answer.json()["next"]],
    }
    assert client.get(link).json()["incidents"][0]["id"] == boards.PAST.id


def test_without_an_archive_the_board_still_tells_its_incidents(opened):
    client = opened(archive=None)
    first = get(client, "/incidents?limit=1").json()
    assert first["incidents"][0]["id"] == boards.INCIDENT.id
    second = get(client, f"/incidents?limit=1&cursor={first['next']}").json()
    assert [i["id"] for i in second["incidents"]] == [boards.PAST.id]
    assert get(client, f"/incidents/{boards.PAST.id}").json()["timeline"] == []


def test_without_an_archive_changes_are_said_to_be_nowhere(opened):
    answer = get(opened(archive=None), "/changes")
    assert (answer.status_code, answer.json()["type"]) == (404, "/api#nothing-kept")


def test_an_archive_that_fails_is_a_503_that_says_when_to_come_back(opened):
    class Broken(boards.MadeUpArchive):
        def incidents(self, *_, **__):
            raise StoreError("/secret/path/of/the/database cannot be read")

    answer = get(opened(archive=Broken()), "/incidents")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "AAAA",
        "lKlpbmNpZGVudHOg",
        "..%2F..%2Fetc%2Fpasswd",
        "é",
        "a" * 399,
        "a" * 1900,
        cursors.write("changes", None, boards.NOW, "x"),
        cursors.write("incidents", "claude", boards.NOW, "x"),
        cursors.write("incidents", None, boards.NOW, "x") + "=",
    ],
)
def test_a_cursor_that_this_list_did_not_give_is_refused(client, cursor):
    answer = get(client, f"/incidents?cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "/api#bad-cursor"
    assert answer.json()["allowed"]


@given(
    at=st.integers(0, 7_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    key=st.text(max_size=40),
    service=st.none() | st.just("claude"),
)
def test_a_cursor_comes_back_as_it_went(at, key, service):
    assert cursors.read(cursors.write("changes", service, at, key), "changes", service) == (at, key)


@given(st.text(max_size=300) | st.binary(max_size=100).map(lambda b: b.hex()))
def test_any_other_text_is_refused_and_never_breaks(text):
    with pytest.raises(Refusal):
        cursors.read(text, "changes", None)


def test_a_cursor_beyond_the_calendar_is_refused():
    packed = msgspec.msgpack.encode(["changes", "", 10**18, "x"])
    with pytest.raises(Refusal):
        cursors.read(urlsafe_b64encode(packed).decode().rstrip("="), "changes", None)
