"""The page as a part of a process: where it listens, what it shows, how it ends."""

import resource
import socket
import threading
from datetime import timedelta

import httpx
import pytest

from stillup.board import Board, ServiceBoard
from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.config.schema import Web
from stillup.daemon.board import first_board
from stillup.daemon.sockets import open_sockets, room_for
from stillup.daemon.web import Serving
from stillup.errors import UsageError
from stillup.model.reason import Reason
from stillup.model.service import Scope, State
from stillup.model.verdict import Verdict
from stillup.testing import FakeClock


@pytest.fixture
def serving():
    """Makes the page; what was started is ended."""
    made = []

    def make(listen="127.0.0.1:0", *, public=False, **rest) -> Serving:
        clock = SystemClock()
        said = []
        page = Serving(Web(listen=listen, public=public), clock, Board(at=clock.now()), say=said.append, **rest)
        page.said = said
        made.append(page)
        return page

    yield make
    for page in made:
        page.stop()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0", "0.0.0.0:0"])
def test_it_says_where_it_is_reached_from_this_machine(serving, listen):
    page = serving(listen)
    if "::" in listen and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    address = page.start()
    assert address == page.address
    assert httpx.get(f"{address}/healthz").text == "ok\n"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_before_anything_was_judged_it_lives_and_is_not_ready(serving):
    address = serving().start()
    assert httpx.get(f"{address}/readyz").status_code == 503


def test_after_some_minutes_without_a_judgement_it_says_that_nobody_judges():
    clock = FakeClock()
    first = first_board([catalogue()["claude"]], clock.now())
    page = Serving(Web(listen="127.0.0.1:0"), clock, first, say=print)
    assert page.board() is first
    clock.set(clock.now() + timedelta(minutes=4))
    assert page.board().seq == -1, "so that pages that lie ready are made anew"
    assert "no monitor was heard" in page.board().services["claude"].because
    judged = Board(at=clock.now(), seq=1)
    page.show(judged)
    assert page.board() is judged


def test_what_is_shown_from_another_thread_is_told_to_those_who_listen(serving):
    page = serving()
    address = page.start()
    with httpx.stream("GET", f"{address}/events", timeout=10) as listening:
        lines = listening.iter_lines()
        assert until(lines, '"seq":0')
        board = Board(at=SystemClock().now(), seq=1)
        thread = threading.Thread(target=page.show, args=(board,))
        thread.start()
        thread.join()
        assert until(lines, '"seq":1')
    assert page.board() is board
    assert httpx.get(f"{address}/readyz").status_code == 200


@pytest.mark.parametrize("public", [True, False])
def test_a_public_page_tells_nothing_of_trouble_that_is_its_owners_own(serving, public):
    page = serving(public=public)
    address = page.start()
    now = SystemClock().now()
    verdict = Verdict(
        at=now, service="claude", state=State.OPERATIONAL, scope=Scope.YOUR_QUOTA, reason=Reason.YOUR_QUOTA
    )
    shown = ServiceBoard(service=catalogue()["claude"], verdict=verdict, headline="Claude: your limit, not an outage")
    with httpx.stream("GET", f"{address}/events", timeout=10) as listening:
        lines = listening.iter_lines()
        assert until(lines, '"seq":0')
        page.show(Board(at=now, seq=1, services={"claude": shown}), [verdict])
        told = next(line for line in lines if '"reason"' in line)
        assert ("your_quota" in told) is not public
    told = httpx.get(f"{address}/api/v1/services/claude/verdict").json()
    assert (told["scope"], told["reason"]) == ((None, "all_calm") if public else ("your_quota", "your_quota"))


def until(lines, text) -> bool:
    return any(text in line for line in lines)


def test_it_ends_though_somebody_listens(serving):
    page = serving()
    address = page.start()
    with httpx.stream("GET", f"{address}/events", timeout=10) as listening:
        lines = listening.iter_lines()
        next(lines)
        page.stop()
        assert not until(lines, "never said")
    assert not any(t.name == "web" and t.is_alive() for t in threading.enumerate())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")


def test_what_is_shown_before_the_start_and_after_the_end_harms_nothing(serving):
    page = serving()
    page.show(Board(at=SystemClock().now(), seq=1))
    page.start()
    page.stop()
    page.stop()
    page.show(Board(at=SystemClock().now(), seq=2))
    assert page.board().seq == 2
    assert page.said == []


def test_an_address_that_is_taken_is_said_and_nothing_is_left_running(serving):
    first = serving()
    address = first.start()
    second = serving(address.removeprefix("http://"))
    with pytest.raises(
        UsageError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use; `web\.listen` names"
    ):
        second.start()
    assert httpx.get(f"{address}/healthz").status_code == 200


def test_a_name_that_means_nothing_is_said(serving):
    with pytest.raises(UsageError, match=r"cannot listen on nothing\.invalid:80"):
        serving("nothing.invalid:80").start()


def test_a_name_with_two_addresses_is_listened_to_on_both_with_one_port():
    sockets, listen, url = open_sockets("localhost:0", 5, "web.listen")
    ports = {sock.getsockname()[1] for sock in sockets}
    for sock in sockets:
        sock.close()
    assert (listen, url) == (f"localhost:{min(ports)}", f"http://localhost:{min(ports)}")
    assert len(ports) == 1


def test_as_many_are_let_in_as_the_system_has_room_for():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert room_for(100) == 100
    assert room_for(10**9) <= (10**9 if hard == resource.RLIM_INFINITY else hard)
