"""Mail: threads, keys, TLS, and addresses that cannot be used."""

from __future__ import annotations

import ssl
from email import message_from_bytes
from email.policy import default

import pytest
import trustme
from aiosmtpd.smtp import AuthResult

from stillup.channels.smtp import Mail, mail_of, server_of
from stillup.errors import ConfigError
from stillup.response.alerts.delivery import Sent
from stillup.secret import Secret
from tests.channels.receivers import TAKE, smtp_receiver


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def at(address, query="to=ops@a.example", **secret):
    return server_of("ops", Secret(f"{address}?{query}"), secret.get("password"))


def read(got):
    return message_from_bytes(got["mail"], policy=default)


async def test_a_mail_has_the_words_and_the_key(channel_of, message):
    channel, receiver = await channel_of("smtp", TAKE)
    await channel.send(message(title="Claude: völlig ausgefallen – 停电"))
    (got,) = receiver.got
    mail = read(got)
    assert mail["Subject"] == "Claude: völlig ausgefallen – 停电"
    assert (mail["From"], mail["To"]) == ("stillup@b.example", "hush@a.example")
    assert mail["Message-ID"] == "<msg_0011@b.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "- crowd: 12 reports" in mail.get_content()


@pytest.mark.parametrize(
    "title",
    [
        "=?utf-8?q?A=0D=0ABcc:_spy@evil.example?=",
        "Claude: =?utf-8?b?QQ0KQmNjOiBzcHlAZXZpbC5leGFtcGxlDQoNCmJvZHk=?= down",
        "==??utf-8?q?A=0ABcc:_spy@evil.example?=",
    ],
)
def test_what_a_mail_program_would_decode_in_a_title_adds_no_header(message, title):
    mail = mail_of(message(title=title), "a@b.example", ("c@d.example",))
    read_again = message_from_bytes(mail.as_bytes(), policy=default)
    assert read_again["Subject"].split() == title.replace("=?", "= ?").split()
    assert "Bcc" not in read_again


def test_mails_about_one_incident_are_one_thread_and_others_are_another(message):
    def thread(**rest):
        return mail_of(message(**rest), "a@b.example", ("c@d.example",))["References"]

    assert thread(revision=1, key="k1") == thread(revision=2, key="k2")
    assert thread() != thread(incident="claude-2")


async def test_tls_is_used_where_it_is_offered(message, server_tls, client_tls):
    async with smtp_receiver(tls_context=server_tls) as receiver:
        mail = Mail("ops", at(f"smtp://{receiver.address}"), tls=client_tls)
        assert (await mail.send(message())).sent is Sent.DELIVERED
    assert receiver.got[0]["tls"] is not None


async def test_a_server_that_speaks_tls_from_the_beginning(message, server_tls, client_tls):
    async with smtp_receiver(implicit_tls=server_tls) as receiver:
        mail = Mail("ops", at(f"smtps://{receiver.address}"), tls=client_tls)
        assert (await mail.send(message())).sent is Sent.DELIVERED


async def test_a_certificate_that_nobody_trusts_ends_it_before_anything_is_said(message, server_tls):
    async with smtp_receiver(tls_context=server_tls) as receiver:
        mail = Mail("ops", at(f"smtp://me:hush@{receiver.address}"))
        delivery = await mail.send(message())
    assert delivery.sent is Sent.UNREACHABLE
    assert "TLS" in delivery.says
    assert receiver.got == []


async def test_where_tls_is_wanted_and_not_offered_nothing_is_sent(message):
    async with smtp_receiver() as receiver:
        mail = Mail("ops", at(f"smtp://{receiver.address}", "to=ops@a.example&tls=starttls"))
        delivery = await mail.send(message())
    assert delivery.sent is Sent.REFUSED
    assert receiver.got == []


@pytest.mark.parametrize(("password", "sent"), [("hush", Sent.DELIVERED), ("wrong", Sent.REFUSED)])
async def test_the_password_opens_the_server(message, server_tls, client_tls, password, sent):
    def check(_server, _session, _envelope, _mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"me", b"hush"))

    async with smtp_receiver(tls_context=server_tls, authenticator=check, auth_required=True) as receiver:
        server = at(f"smtp://me@{receiver.address}", password=Secret(password))
        delivery = await Mail("ops", server, tls=client_tls, step_s=0.5).send(message())
    assert delivery.sent is sent
    assert password not in repr(delivery)


@pytest.mark.parametrize("goodbye", ["250 bye", "421 too busy for that", "550 hush"])
async def test_what_was_taken_is_delivered_however_the_server_says_goodbye(message, goodbye):
    async with smtp_receiver(goodbye=goodbye) as receiver:
        assert (await Mail("ops", at(f"smtp://{receiver.address}")).send(message())).sent is Sent.DELIVERED
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "address", ["smtp://u:p%2F@mx.example?to=a@a.example", "mailto:a@a.example?smtp=u:p%252F@mx.example"]
)
def test_an_address_may_hold_the_password_and_one_of_its_own_file_goes_before_it(address):
    assert (server := server_of("ops", Secret(address), None)).password == Secret("p/")
    assert server.user == "u"
    assert server_of("ops", Secret(address), Secret("other")).password == Secret("other")


@pytest.mark.parametrize(
    ("address", "host", "port", "to"),
    [
        ("mailto:ops@a.example", "localhost", 25, ("ops@a.example",)),
        ("mailto:a@a.example,b@a.example?smtp=mx.example:2525&from=c@a.example", "mx.example", 2525,
         ("a@a.example", "b@a.example")),
        ("smtps://mx.example?to=a@a.example", "mx.example", 465, ("a@a.example",)),
        ("smtp://u%40x:p%2F@mx.example?to=a@a.example&tls=starttls", "mx.example", 587, ("a@a.example",)),
    ],
)  # fmt: skip
def test_an_address_says_where_and_to_whom(address, host, port, to):
    server = server_of("ops", Secret(address), None)
    assert (server.host, server.port, server.to) == (host, port, to)


@pytest.mark.parametrize(
    "address",
    ["smtp://mx.example", "smtp://?to=a@a.example", "mailto:", "smtp://mx.example?to=hush", "smtp://[::1?to=a@b.c",
     "smtp://mx.example?to=a@b.c&tls=hush", "smtp://mx.example:hush?to=a@b.c"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(address):
    with pytest.raises(ConfigError, match="alerts channel ops") as caught:
        server_of("ops", Secret(address), None)
    assert "hush" not in str(caught.value)
