"""Mail, over SMTP: one message a mail, all mails about one incident in one thread.

``smtp://user@host:587?from=A&to=B,C`` and ``smtps://…``, or ``mailto:B,C?from=A&smtp=host:port``. Without TLS no
password leaves this machine. The ``Message-ID`` is the message's key: a second copy has the same.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, getaddresses
from hashlib import blake2s
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from stillup.channels.base import TIMEOUT_S, Aside
from stillup.errors import ConfigError
from stillup.net import is_loopback
from stillup.response.alerts.delivery import Delivery, Sent
from stillup.response.alerts.values import Message
from stillup.secret import Secret

_STEP_S = 8.0
"""For one answer of the server."""
_PORTS = {"tls": 465, "auto": 25, "starttls": 587, "none": 25}
Tls = Literal["auto", "starttls", "tls", "none"]


class Server(Struct, frozen=True, kw_only=True):
    """Where mail is handed over. ``auto`` uses STARTTLS where it is offered, and insists on it for a password."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: Secret | None = None
    sender: str
    to: tuple[str, ...]


def server_of(name: str, address: Secret, password: Secret | None) -> Server:
    """Read an address.

    :raises ConfigError: it cannot be used; its text is not repeated.
    """
    try:
        parts = urlsplit(address.reveal())
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        is_mailto = parts.scheme == "mailto"
        there = urlsplit(f"//{query.get('smtp', 'localhost:25')}") if is_mailto else parts
        host, port = there.hostname or "", there.port
    except ValueError:
        raise _refused(name, "is not a mail address that can be read") from None
    tls: Tls = "tls" if parts.scheme == "smtps" else _tls(name, query.get("tls", "auto"))
    to = _people(unquote(parts.path) if is_mailto else query.get("to", ""))
    sender = _people(query.get("from", "")) or _people(f"stillup@{'localhost' if is_loopback(host) else host}")
    if not host:
        raise _refused(name, "names no mail server")
    if not to:
        raise _refused(name, "names nobody to write to; allowed: with `?to=somebody@example.org`")
    own = Secret(unquote(there.password)) if there.password else None
    return Server(
        host=host,
        port=port or _PORTS[tls],
        tls=tls,
        user=unquote(there.username or ""),
        password=password or own,
        sender=sender[0],
        to=to,
    )


def _tls(name: str, word: str) -> Tls:
    match word:
        case "auto" | "starttls" | "tls" | "none":
            return word
    raise _refused(name, "has a `tls` that is none; allowed: auto, starttls, tls, none")


def _people(text: str) -> tuple[str, ...]:
    found = (address for _, address in getaddresses([text]))
    return tuple(a for a in found if "@" in a and a.isascii() and a.isprintable() and " " not in a)


def _refused(name: str, why: str) -> ConfigError:
    return ConfigError(f"alerts channel {name}: its address {why}")


class Mail:
    """Sends mail by one server to some people."""

    kind = "smtp"

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        tls: ssl.SSLContext | None = None,
        step_s: float = _STEP_S,
        repeat_in_doubt: bool = True,
    ) -> None:
        self.id = name
        self.repeat_in_doubt = repeat_in_doubt
        self._server = server
        self._context = tls
        self._step_s = step_s
        self._aside = Aside(TIMEOUT_S)

    async def send(self, message: Message) -> Delivery:
        """Send it; the library blocks, so in a thread."""
        return await self._aside.run(lambda: self._send(message))

    def _send(self, message: Message) -> Delivery:
        server, host, stage = self._server, self._server.host[:80], Sent.UNREACHABLE
        mail = mail_of(message, server.sender, server.to)
        try:
            with self._connected() as smtp:
                self._secure(smtp)
                if server.password is not None and server.user:
                    stage = Sent.REFUSED  # some servers answer a wrong password by hanging up
                    smtp.login(server.user, server.password.reveal())
                stage = Sent.IN_DOUBT
                left_out = smtp.send_message(mail, server.sender, list(server.to))
        except _NoTls:
            return Delivery(sent=Sent.REFUSED, says=f"{host} offers no TLS, and the password must not go without")
        except smtplib.SMTPRecipientsRefused as exc:
            codes = [code for code, _ in exc.recipients.values()]
            return _answered(host, min(codes, default=550), "to everyone it was for")
        except smtplib.SMTPResponseException as exc:
            return _answered(host, exc.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return Delivery(sent=Sent.REFUSED, says=f"{host} cannot do what is asked of it")
        except (smtplib.SMTPException, OSError) as exc:
            return Delivery(sent=stage, says=f"{host}: {_words(exc)}")
        says = f"{host} refused {len(left_out)} of {len(server.to)} recipients" if left_out else ""
        return Delivery(sent=Sent.DELIVERED, says=says)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A connection. The library's own ``with`` takes an odd goodbye for a refusal of what was taken before it."""
        server = self._server
        smtp: smtplib.SMTP
        if server.tls == "tls":
            smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=self._step_s, context=self._trust())
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self._step_s)
        try:
            yield smtp
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()

    def _secure(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        smtp.ehlo_or_helo_if_needed()
        if server.tls in ("tls", "none"):
            return
        if smtp.has_extn("starttls"):
            smtp.starttls(context=self._trust())
            smtp.ehlo()
        elif server.tls == "starttls" or (server.password is not None and not is_loopback(server.host)):
            raise _NoTls

    def _trust(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()


class _NoTls(Exception):
    pass


def mail_of(message: Message, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The mail of one message."""
    domain = sender.rpartition("@")[2]
    root = blake2s(message.thread.encode(), digest_size=12).hexdigest()
    mail = EmailMessage(policy=WIRE)
    mail["From"], mail["To"], mail["Subject"] = sender, ", ".join(to), _subject(message.title)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    # Nobody ever sent the root; mail programs put together what refers to the same one.
    mail["In-Reply-To"] = mail["References"] = f"<{root}.thread@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Stillup-Delivery"] = message.key
    mail.set_content(message.long + "\n")
    return mail


def _subject(title: str) -> str:
    """The title without what a mail program, and the library, would decode (RFC 2047): a line break could be in it."""
    return title.replace("=?", "= ?")


def _answered(host: str, code: int, whom: str = "") -> Delivery:
    says = " ".join(part for part in (f"{host} answered {code}", whom) if part)
    return Delivery(sent=Sent.BUSY if 400 <= code < 500 else Sent.REFUSED, says=says)


def _words(exc: Exception) -> str:
    """What happened; never the library's own words, which quote the server's."""
    match exc:
        case TimeoutError():
            return "timed out"
        case smtplib.SMTPServerDisconnected():
            return "closed the connection"
        case ssl.SSLError():
            return "TLS: no connection"
        case ConnectionRefusedError():
            return "refused"
    return f"no connection ({type(exc).__name__})"
