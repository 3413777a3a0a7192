"""Real failures of a loopback host, from DNS to the last byte of an answer, seen by a watcher (one try each)."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

import pytest

from stillup.errors import NotConfigured, Unreachable
from stillup.model.signal import Outcome
from stillup.net import Address
from stillup.sources.probe import Probe

ODD_BYTES = bytes(range(256)) * 40


def both_versions(_host, _port):
    async def answer():
        return [Address(socket.AF_INET6, "::1"), Address(socket.AF_INET, "127.0.0.1")]

    return answer()


async def test_a_host_that_fails_on_one_ip_version_is_up_and_the_failure_is_said(host, read, tls):
    read.probe = Probe(tls, resolver=both_versions)
    port = await host.says(host.reply())  # listens on IPv4 alone
    reading = await read(read.rung(f"http://acme.invalid:{port}/"), controls=[])
    assert [s.ok for s in reading.signals if isinstance(s, Outcome)] == [True]
    assert "IPv6 fails: refused" in reading.says


async def test_a_host_that_hangs_on_one_ip_version_is_up_and_that_is_said(host, read, tls):
    read.probe = Probe(tls, resolver=both_versions)
    port = await host.says(host.reply()[:-2], then="hang")
    host.full(port)
    reading = await read(read.rung(f"http://acme.invalid:{port}/", "auth", "sign_in"), controls=[], deadline_s=0.5)
    assert [(s.layer, s.error) for s in reading.signals if isinstance(s, Outcome)] == [
        ("edge", None),
        ("auth", "timeout"),
    ]
    assert "IPv6 does not answer" in reading.says


async def test_a_host_that_answers_is_up(host, read):
    port = await host.says(host.reply())
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/")) == [("edge", None)]


async def test_a_closed_port_is_the_edge_refusing(host, read):
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{host.closed()}/")) == [("edge", "refused")]


async def test_what_stands_behind_an_unreachable_edge_is_not_judged(host, read):
    rung = read.rung(f"http://127.0.0.1:{host.closed()}/login", "auth", "sign_in")
    assert await read.outcomes(rung) == [("edge", "refused")]


async def test_a_name_that_does_not_exist_fails_at_dns(read):
    assert await read.outcomes(read.rung("http://name.invalid/"), controls=[]) == [("edge", "dns")]


async def test_a_dropped_syn_is_a_timeout_of_the_edge(host, read):
    rung = read.rung(f"http://127.0.0.1:{host.full()}/login", "auth", "sign_in")
    assert await read.outcomes(rung, deadline_s=0.4) == [("edge", "timeout")]


@pytest.mark.parametrize(("then", "error"), [("hang", "timeout"), ("reset", "reset"), ("close", "reset")])
async def test_a_host_that_accepts_and_says_nothing_fails_above_its_edge(host, read, then, error):
    port = await host.silent(then)
    rung = read.rung(f"http://127.0.0.1:{port}/login", "auth", "sign_in")
    assert await read.outcomes(rung, deadline_s=0.4) == [("edge", None), ("auth", error)]


@pytest.mark.parametrize(
    ("pieces", "then", "error"),
    [
        ([b"HTTP/1.1 200 OK\r\nx-slow: "], "hang", "timeout"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf"], "hang", "timeout"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf"], "close", "stream_cut"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf"], "reset", "stream_cut"),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"], "hang", "stream_cut"),
        ([b"HTTP/1.1 200 OK\r\nx-half: "], "close", "bad_http"),
        ([b"SSH-2.0-OpenSSH_9\r\n"], "close", "bad_http"),
        ([ODD_BYTES], "close", "bad_http"),
        ([b"HTTP/1.1 200 OK\r\nx-huge: " + b"a" * 80_000], "hang", "bad_http"),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 20, "hang", "bad_http"),
    ],
)
async def test_an_answer_that_is_slow_broken_or_no_http_is_named(host, read, pieces, then, error):
    port = await host.says(*pieces, then=then)
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/"), deadline_s=0.5) == [("edge", error)]


async def test_a_body_without_end_is_bounded_and_the_page_counts_as_up(host, read):
    endless = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n" + b"x" * 300_000
    port = await host.says(endless, then="hang")
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/")) == [("edge", None)]


async def test_early_hints_before_the_answer_are_passed_over(host, read):
    port = await host.says(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", host.reply())
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/")) == [("edge", None)]


async def test_a_redirect_is_an_answer_and_is_not_followed(host, read):
    port = await host.says(host.reply(302, location="http://127.0.0.1:1/elsewhere"))
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/", up=(200, 302))) == [("edge", None)]
    assert len(host.heads) == 1


async def test_tls_with_a_trusted_certificate_is_climbed(host, read):
    port = await host.says(host.reply(), tls=host.tls("localhost"))
    reading = await read(read.rung(f"https://localhost:{port}/"))
    assert [s.ok for s in reading.signals if hasattr(s, "ok")] == [True]
    assert all(word in reading.says for word in ("DNS", "TCP", "TLS", "edge 200"))


async def test_over_plain_http_there_is_no_tls_rung(host, read):
    port = await host.says(host.reply())
    reading = await read(read.rung(f"http://127.0.0.1:{port}/"))
    assert "TCP" in reading.says
    assert "TLS" not in reading.says
    assert "DNS" not in reading.says  # an address needs none


async def test_certificates_of_the_file_in_the_environment_are_believed(host, read, ca, monkeypatch, tmp_path):
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    read.probe = Probe()
    port = await host.says(host.reply(), tls=host.tls("localhost"))
    assert await read.outcomes(read.rung(f"https://localhost:{port}/")) == [("edge", None)]


async def test_a_certificate_nobody_vouches_for_fails_at_tls(host, read):
    read.probe = Probe(ssl.create_default_context())
    port = await host.says(host.reply(), tls=host.tls("localhost"))
    [(layer, error)] = await read.outcomes(read.rung(f"https://localhost:{port}/"))
    assert layer == "edge"
    assert error.startswith("tls: ")


async def test_an_expired_certificate_is_named_so(host, read):
    tls = host.tls("localhost", not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=datetime(2020, 1, 1, tzinfo=UTC))
    port = await host.says(host.reply(), tls=tls)
    outcomes = await read.outcomes(read.rung(f"https://localhost:{port}/"))
    assert outcomes == [("edge", "tls: certificate has expired")]


async def test_a_certificate_of_another_host_is_named_so(host, read):
    port = await host.says(host.reply(), tls=host.tls("other.test"))
    [(_, error)] = await read.outcomes(read.rung(f"https://localhost:{port}/"))
    assert error.startswith("tls: Hostname mismatch")


async def test_plain_text_on_a_tls_port_fails_at_tls(host, read):
    async def greets(_reader, writer):
        writer.write(b"220 mail.test ready\r\n")
        await writer.drain()

    port = await host.serve(greets)
    [(layer, error)] = await read.outcomes(read.rung(f"https://localhost:{port}/login", "auth", "sign_in"))
    assert layer == "edge"
    assert error.startswith("tls: ")


async def test_a_host_that_hangs_in_the_handshake_is_a_timeout_of_the_edge(host, read):
    port = await host.silent()
    rung = read.rung(f"https://localhost:{port}/login", "auth", "sign_in")
    assert await read.outcomes(rung, deadline_s=0.4) == [("edge", "timeout")]


async def test_a_proof_of_the_edge_is_given_once_where_a_rung_of_its_own_does_it(host, read):
    port = await host.says(host.reply())
    rungs = (
        read.rung(f"http://127.0.0.1:{port}/"),
        read.rung(f"http://127.0.0.1:{port}/login", "auth", "sign_in"),
    )
    assert await read.outcomes(*rungs) == [("edge", None), ("auth", None)]


async def test_addresses_can_be_set_for_one_rung_and_for_all(host, read):
    port = await host.says(host.reply())
    rungs = (read.rung("https://one.invalid/a?b=c"), read.rung("https://two.invalid/", "auth", "sign_in"))
    await read(
        *rungs, base_url=f"http://127.0.0.1:{port}/acme", endpoints={"sign_in": f"http://127.0.0.1:{port}/there"}
    )
    assert sorted(head.split()[1] for head in host.heads) == [b"/acme/a?b=c", b"/there"]


@pytest.mark.parametrize(
    "options",
    [
        {"deadline_s": 0},
        {"deadline_s": "soon"},
        {"max_usd_per_day": -1},
        {"surprise": 1},
        {"endpoints": {"edge": "ftp://acme.test/"}},
        {"endpoints": {"edge": "http://me:secret@acme.test/"}},
        {"endpoints": {"edge": "http://bad host/"}},
        {"controls": ["nowhere"]},
    ],
)
async def test_an_option_that_cannot_be_used_is_refused_without_repeating_secrets(read, options):
    with pytest.raises(NotConfigured) as caught:
        await read(read.rung("http://127.0.0.1:9/"), **options)
    assert "secret" not in str(caught.value)


async def test_when_nothing_ends_in_time_there_is_no_data(host, read, monkeypatch):
    monkeypatch.setenv("ACME_KEY", "k")
    with pytest.raises(Unreachable, match=r"no end within 0\.3 s"):
        await read(read.inference(await host.silent()), deadline_s=0.3)
