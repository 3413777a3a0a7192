"""Everything Apprise speaks: Slack, Discord, Telegram, ntfy, Matrix, Teams and a hundred more.

Apprise has no key by which a second copy is recognised, and says of a failure only that it was one.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stillup.channels.base import Aside
from stillup.errors import ConfigError
from stillup.response.alerts.delivery import Delivery, Sent
from stillup.response.alerts.reasons import Kind
from stillup.response.alerts.values import Message
from stillup.secret import Secret

if TYPE_CHECKING:
    from apprise import Apprise, NotifyBase

_TIMEOUT_S = 15.0
_ROOM = 200
"""Left for the title and what a service adds of its own."""
_MENTION = re.compile(r"@(?=everyone|here|channel|all|room|team)|<(?=[!@#&])|\](?=\()", re.IGNORECASE)
"""What rings at everybody in a chat, or leads elsewhere than its words say, must not come from a page's title."""


class ByApprise:
    """Sends by one Apprise address."""

    kind = "apprise"

    def __init__(self, name: str, url: Secret, *, timeout_s: float = _TIMEOUT_S, repeat_in_doubt: bool = True) -> None:
        """Load Apprise, which takes a moment and some 20 MB.

        :raises ConfigError: Apprise knows no such address; it is not repeated.
        """
        self.id = name
        self.repeat_in_doubt = repeat_in_doubt
        self._apprise, self._service = _open(name, url)
        self._timeout_s = timeout_s
        self._aside = Aside(timeout_s * 1.5)

    async def send(self, message: Message) -> Delivery:
        """Send it; Apprise blocks, so in a thread."""
        return await self._aside.run(lambda: self._send(message))

    def _send(self, message: Message) -> Delivery:
        from apprise import NotifyType

        calm = dict.fromkeys((Kind.DIGEST, Kind.TEST, Kind.REMINDER), NotifyType.INFO)
        kinds = {Kind.BACK: NotifyType.SUCCESS, **calm}
        result = self._apprise.notify(
            body=harmless(fitting(message, int(self._service.body_maxlen))),
            title=harmless(message.title),
            notify_type=kinds.get(message.kind, NotifyType.FAILURE),
            body_format="text",
            timeout=self._timeout_s,
        )
        if result:
            return Delivery(sent=Sent.DELIVERED)
        # Apprise keeps to itself whether it was refused or never answered.
        sent = Sent.IN_DOUBT if result.timeout_count else Sent.FAILED
        return Delivery(sent=sent, says=f"{self._service.service_name} did not take it")


def _open(name: str, url: Secret) -> tuple[Apprise, NotifyBase]:
    from apprise import Apprise, AppriseAsset, PersistentStoreMode

    logger = logging.getLogger("apprise")
    logger.propagate = False  # its words are for who debugs an address, and may hold parts of one
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    asset = AppriseAsset(
        app_id="stillup", app_desc="stillup", storage_mode=PersistentStoreMode.MEMORY, secure_logging=True
    )
    client = Apprise(asset=asset)
    with _loading():
        was_added = client.add(url.reveal())
    if not was_added:
        msg = f"alerts channel {name}: Apprise knows no such address, or what it needs is not installed"
        raise ConfigError(msg)
    return client, client[0]


def is_known_host(url: Secret) -> bool:
    """Whether Apprise has a service of its own behind this web address, as Slack's and Discord's webhooks."""
    from apprise import Apprise

    logging.getLogger("apprise").propagate = False
    with _loading():
        return Apprise.instantiate(url.reveal(), suppress_exceptions=True) is not None


@contextmanager
def _loading() -> Iterator[None]:
    """Its plugins are loaded with the first address, all of them, and some stand on old modules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def fitting(message: Message, most: int) -> str:
    """As many whole lines of the long text as there is room for, and the link."""
    room = max(80, most - _ROOM)
    text = message.long.partition("\n\n")[2] or message.long  # the title stands above it already
    if len(text) <= room:
        return text
    end = f"\n… {message.link}".rstrip()
    kept = text[: max(0, room - len(end))]
    return (kept.rpartition("\n")[0] or kept) + end


def harmless(text: str) -> str:
    """The text with a gap in what would ring at everybody, and in links that say another address than theirs."""
    return _MENTION.sub(lambda found: f"{found[0]} ", text)
