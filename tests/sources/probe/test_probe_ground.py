"""Control hosts: offline, a captive portal and a bad network are found before anything is said of the service."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.secret import Secret
from stillup.sources.ladder.controls import Answered, Checked, plan_controls
from stillup.sources.ladder.faults import Stage
from stillup.sources.ladder.ground import Ground, facts_of, ground_of
from stillup.sources.ladder.judge import Fact
from stillup.sources.ladder.options import Options
from stillup.sources.ladder.plan import Here, plan_steps
from stillup.sources.ladder.report import is_trusted
from stillup.sources.ladder.result import Climb, Mark, Reply

W, S, B, N = Answered.WELL, Answered.STRANGELY, Answered.BADLY, Answered.NOT


def checked(*answers: Answered, is_http: bool = True) -> list[Checked]:
    return [Checked(title="c", answered=a, errors=() if a is W else ("timeout",), is_http=is_http) for a in answers]


@pytest.mark.parametrize(
    ("answers", "reached", "fails", "ground"),
    [
        ((), True, True, Ground.NONE),
        ((W, W, W), True, True, Ground.FINE),
        ((W,), False, True, Ground.FINE),
        ((N, N, N), False, True, Ground.OFFLINE),
        ((N, N, N), True, True, Ground.BLOCKED),
        ((S, S), True, True, Ground.PORTAL),
        ((S, B), False, True, Ground.PORTAL),
        ((S, N), False, True, Ground.PORTAL),
        ((S, W), True, True, Ground.PATCHY),  # the other one's true content came over plain HTTP
        ((B, B, B), True, True, Ground.BROKEN),
        ((N, N, W), True, True, Ground.BROKEN),
        ((N, W), True, True, Ground.PATCHY),
        ((N, W, W), True, True, Ground.PATCHY),
        ((N, W, W), True, False, Ground.ODD_CONTROL),
        ((N, W, W), False, False, Ground.PATCHY),
    ],
)
def test_the_rule_of_the_ground(answers, reached, fails, ground):
    assert ground_of(checked(*answers), service_answers=reached, service_fails=fails) is ground


def test_a_name_that_resolves_does_not_rule_out_a_portal():
    controls = [*checked(S), *checked(W, is_http=False)]
    assert ground_of(controls, service_answers=False, service_fails=True) is Ground.PORTAL


every = st.lists(st.builds(Checked, title=st.just("c"), answered=st.sampled_from(Answered), is_http=st.booleans()))
flags = st.booleans()


def with_errors(controls: list[Checked]) -> list[Checked]:
    return [
        Checked(title=c.title, answered=c.answered, errors=checked(c.answered)[0].errors, is_http=c.is_http)
        for c in controls
    ]


@given(every, flags, flags)
def test_the_order_of_the_controls_does_not_matter(controls, reached, fails):
    ways = (controls, controls[::-1])
    assert len({ground_of(way, service_answers=reached, service_fails=fails) for way in ways}) == 1


@given(every, flags, flags)
def test_only_you_is_cleared_exactly_when_network_and_machine_are_well(controls, reached, fails):
    controls = with_errors(controls)
    ground = ground_of(controls, service_answers=reached, service_fails=fails)
    facts = facts_of(ground, controls)
    assert {f.layer for f in facts} <= {Layer.LOCAL, Layer.NETWORK}
    if ground in (Ground.FINE, Ground.ODD_CONTROL):
        assert [(f.layer, f.is_ok) for f in facts] == [(Layer.LOCAL, True), (Layer.NETWORK, True)]
    if ground in (Ground.OFFLINE, Ground.PORTAL, Ground.BROKEN, Ground.PATCHY):
        assert any(not f.is_ok for f in facts)
    assert all(f.is_ok for f in facts) or any(c.answered is not W for c in controls)


@given(every)
def test_offline_is_never_said_once_the_service_was_reached(controls):
    assert ground_of(controls, service_answers=True, service_fails=True) is not Ground.OFFLINE


TLS = (Mark(Stage.TCP, 1.0), Mark(Stage.TLS, 1.0))
ANSWERED = Reply(status=529, ms=1.0)
BAD, GOOD = Fact(layer=Layer.API_GATEWAY, error="overloaded"), Fact(layer=Layer.EDGE)


@pytest.mark.parametrize(
    ("ground", "climb", "fact", "trusted"),
    [
        (Ground.FINE, Climb(fault="refused"), BAD, True),
        (Ground.NONE, Climb(fault="refused"), BAD, True),
        (Ground.OFFLINE, Climb(fault="refused"), BAD, False),
        (Ground.PORTAL, Climb(reply=ANSWERED), BAD, False),
        (Ground.PORTAL, Climb(reply=ANSWERED, marks=TLS), BAD, True),
        (Ground.PORTAL, Climb(reply=ANSWERED), GOOD, False),
        (Ground.PORTAL, Climb(marks=TLS, fault="timeout"), GOOD, True),
        (Ground.BROKEN, Climb(marks=TLS, fault="timeout"), BAD, False),
        (Ground.BROKEN, Climb(reply=Reply(status=200, ms=1, fault="timeout"), marks=TLS), BAD, False),
        (Ground.BLOCKED, Climb(reply=ANSWERED), BAD, True),
        (Ground.BLOCKED, Climb(fault="refused"), BAD, False),
    ],
)
def test_on_bad_ground_only_what_the_service_itself_said_counts(ground, climb, fact, trusted):
    assert is_trusted(ground, climb, fact) is trusted


async def test_good_controls_clear_this_machine_and_its_network(host, read):
    port = await host.says(host.reply())
    none = await host.says(b"HTTP/1.1 204 No Content\r\n\r\n")
    text = await host.says(host.reply(200, b"fine\n", "text/plain"))
    controls = [f"http://127.0.0.1:{none}/generate_204", f"http://127.0.0.1:{text}/robots.txt", "dns:localhost"]
    reading = await read(read.rung(f"http://127.0.0.1:{port}/"), controls=controls)
    found = [(s.layer, s.ok, s.component) for s in reading.signals if isinstance(s, Outcome)]
    assert found == [("local", True, None), ("network", True, None), ("edge", True, "web")]


async def test_offline_says_nothing_at_all_about_the_service(host, read):
    controls = [f"http://127.0.0.1:{host.closed()}/204", "dns:name.invalid"]
    reading = await read(read.rung("http://other.invalid/"), controls=controls)
    assert [(s.layer, s.error) for s in reading.signals] == [("local", "offline")]
    assert reading.says.startswith("this machine is offline (2 of 2 control hosts fail: refused)")


async def test_a_person_offline_hears_it_as_often_as_it_was_tried(host, read):
    controls = [f"http://127.0.0.1:{host.closed()}/204"]
    rung = read.rung(f"http://127.0.0.1:{host.closed()}/")
    assert await read.outcomes(rung, controls=controls, once=True) == [("local", "offline")] * 3


@pytest.mark.parametrize("answer", ["redirect", "page", "511"])
async def test_a_captive_portal_is_the_networks_and_the_service_is_not_blamed(host, read, answer):
    page = b"<html>please pay</html>"
    bytes_of = {
        "redirect": host.reply(302, location="http://portal.test/"),
        "page": host.reply(200, page),
        "511": host.reply(511, page),
    }
    control = await host.says(bytes_of[answer])
    rung = read.rung(f"http://127.0.0.1:{host.closed()}/")
    outcomes = await read.outcomes(rung, controls=[f"http://127.0.0.1:{control}/generate_204"])
    assert outcomes == [("local", None), ("network", "captive_portal")]


async def test_some_failing_controls_are_a_failing_network_beside_the_services_failure(host, read):
    good = await host.says(b"HTTP/1.1 204 No Content\r\n\r\n")
    controls = [f"http://127.0.0.1:{good}/204", f"http://127.0.0.1:{host.closed()}/204"]
    outcomes = await read.outcomes(read.rung(f"http://127.0.0.1:{host.closed()}/"), controls=controls)
    assert outcomes == [("local", None), ("network", "refused"), ("network", None), ("edge", "refused")]


async def test_one_dead_control_is_no_news_while_the_service_works(host, read):
    good, port = await host.says(b"HTTP/1.1 204 No Content\r\n\r\n"), await host.says(host.reply())
    controls = [f"http://127.0.0.1:{good}/204", f"http://127.0.0.1:{host.closed()}/204"]
    reading = await read(read.rung(f"http://127.0.0.1:{port}/"), controls=controls)
    assert [s.ok for s in reading.signals if isinstance(s, Outcome)] == [True, True, True]
    assert "1 of 2 control hosts fail: refused" in reading.says


async def test_a_control_in_trouble_itself_is_no_portal(host, read):
    control = await host.says(host.reply(503, b"<html>sorry</html>"))
    rung = read.rung(f"http://127.0.0.1:{host.closed()}/")
    outcomes = await read.outcomes(rung, controls=[f"http://127.0.0.1:{control}/204"])
    assert outcomes == [("local", None), ("network", "server_error")]


async def test_a_control_behind_its_own_certificate_may_say_what_it_likes(host, read):
    control = await host.says(host.reply(404), tls=host.tls("localhost"))
    port = await host.says(host.reply())
    rung = read.rung(f"http://127.0.0.1:{port}/")
    outcomes = await read.outcomes(rung, controls=[f"https://localhost:{control}/"])
    assert outcomes == [("local", None), ("network", None), ("edge", None)]


def test_no_public_control_is_asked_while_every_rung_is_on_loopback(read):
    for url, expected in (("http://127.0.0.1:9/", 0), ("https://acme.invalid/", 3)):
        steps = plan_steps(read.context(read.rung(url)), Options(), Here()).steps
        assert len(plan_controls(Options(), steps, Here(), once=True)) == expected


def test_behind_a_proxy_no_name_is_resolved_here(read):
    here = Here(proxies=dict.fromkeys(("https", "http"), Secret("http://proxy.invalid:3128")))
    steps = plan_steps(read.context(read.rung("https://acme.invalid/")), Options(), here).steps
    controls = plan_controls(Options(), steps, here, once=True)
    assert controls
    assert all(c.ask.proxy and not c.ask.is_dns_only for c in controls)
