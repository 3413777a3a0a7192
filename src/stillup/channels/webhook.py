"""A webhook: the message as JSON, signed as Standard Webhooks say.

The signature is over ``id.timestamp.body`` with HMAC-SHA256; the id is the message's key and stays the same however
often it is sent, so whoever remembers ids hears each message once. See https://www.standardwebhooks.com.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from stillup.errors import NotConfigured, Refused, SourceError, TooLarge, Unreachable
from stillup.model.verdict import iso
from stillup.net import Net, Request
from stillup.response.alerts.delivery import Delivery, Sent
from stillup.response.alerts.values import Message
from stillup.secret import Secret

_PREFIX = "whsec_"
_MOST_ANSWER = 64 * 1024
_LATER = frozenset((408, 423, 425, 429, 503))


class Webhook:
    """Posts to one address."""

    kind = "webhook"

    def __init__(
        self, name: str, url: Secret, net: Net, *, secret: Secret | None = None, repeat_in_doubt: bool = True
    ) -> None:
        self.id = name
        self.repeat_in_doubt = repeat_in_doubt
        self._url = url
        self._net = net
        self._secret = secret

    async def send(self, message: Message) -> Delivery:
        """Post it."""
        body = body_of(message)
        stamp = str(int(self._net.wall_s()))
        headers: list[tuple[str, str | Secret]] = [
            ("webhook-id", message.key),
            ("webhook-timestamp", stamp),
            ("Idempotency-Key", message.key),
            ("X-Stillup-Delivery", message.key),
        ]
        if self._secret is not None:
            headers.append(("webhook-signature", Secret(signature(self._secret, message.key, stamp, body))))
        request = Request(url=self._url.reveal(), json=body, headers=tuple(headers), max_bytes=_MOST_ANSWER)
        try:
            await self._net.fetch(request)
        except TooLarge:
            pass  # only a success has a body that is read: it was taken
        except SourceError as exc:
            return _failed(exc)
        return Delivery(sent=Sent.DELIVERED)


def _failed(exc: SourceError) -> Delivery:
    says = str(exc)
    if isinstance(exc, Refused):
        if exc.status in _LATER:
            return Delivery(sent=Sent.BUSY, says=says, retry_after_s=exc.retry_after_s)
        sent = Sent.FAILED if exc.status >= 500 else Sent.REFUSED
        return Delivery(sent=sent, says=says, retry_after_s=exc.retry_after_s)
    if isinstance(exc, Unreachable):
        return Delivery(sent=Sent.IN_DOUBT if exc.was_sent else Sent.UNREACHABLE, says=says)
    return Delivery(sent=Sent.MISSING if isinstance(exc, NotConfigured) else Sent.FAILED, says=says)


def body_of(message: Message) -> bytes:
    """The JSON that is posted; the same for every try."""
    data: dict[str, object] = {
        "key": message.key,
        "kind": message.kind.value,
        "reason": message.reason.value,
        "rule": message.rule,
        "service": message.service,
        "incident": message.incident,
        "revision": message.revision,
        "thread": message.thread,
        "title": message.title,
        "short": message.short,
        "long": message.long,
        "link": message.link or None,
        "verdict": message.verdict.wire() if message.verdict else None,
    }
    return msgspec.json.encode({"type": f"stillup.{message.kind}", "timestamp": iso(message.at), "data": data})


def signature(secret: Secret, key: str, stamp: str, body: bytes) -> str:
    """The header ``webhook-signature``: ``v1,`` and the base64 of the HMAC."""
    signed = b".".join((key.encode(), stamp.encode(), body))
    mac = hmac.new(_bytes(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def _bytes(secret: Secret) -> bytes:
    """``whsec_…`` holds base64; anything else is the key as it stands."""
    text = secret.reveal()
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return text.encode()
