"""From the configuration to channels."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from stillup.channels.base import Channel
from stillup.config.alert_rules import kind_of, misfit
from stillup.config.alerts import Channel as Configured
from stillup.config.keys import key_at
from stillup.errors import ConfigError
from stillup.net import Net
from stillup.secret import Secret


class Address(Struct, frozen=True, kw_only=True):
    """A configured channel with what variables and files hold."""

    id: str
    kind: str | None
    url: Secret
    secret: Secret | None
    repeat_in_doubt: bool


def address_of(channel: Configured, environ: Mapping[str, str]) -> Address:
    """Read what a channel's variables and files hold.

    :raises ConfigError: there is no address, or none of the channel's kind.
    """
    url = key_at(channel.url_env, channel.url_file, environ) or channel.url
    if url is None:
        msg = f"alerts channel {channel.id}: {channel.url_env} is not set, so it has no address"
        raise ConfigError(msg)
    wrong = misfit(channel.kind, url.reveal())
    if wrong:
        msg = f"alerts channel {channel.id}: {wrong}"
        raise ConfigError(msg)
    secret = key_at(channel.secret_env, channel.secret_file, environ)
    if secret is None and channel.secret_env:
        msg = f"alerts channel {channel.id}: {channel.secret_env} is not set"
        raise ConfigError(msg)
    return Address(id=channel.id, kind=channel.kind, url=url, secret=secret, repeat_in_doubt=channel.repeat_in_doubt)


def check(address: Address) -> None:
    """See that a channel can be made, without making it; a webhook always can.

    :raises ConfigError: the address cannot be used.
    """
    kind = address.kind or kind_of(address.url.reveal())
    if kind == "smtp":
        from stillup.channels.smtp import server_of

        server_of(address.id, address.url, address.secret)
    elif kind == "apprise":
        from stillup.channels.apprise import ByApprise

        ByApprise(address.id, address.url)


def make(address: Address, net: Net) -> Channel:
    """The channel of an address; ``net`` is what webhooks go through.

    :raises ConfigError: the address cannot be used.
    """
    kind = address.kind or kind_of(address.url.reveal())
    again = address.repeat_in_doubt
    if kind == "smtp":
        from stillup.channels.smtp import Mail, server_of

        return Mail(address.id, server_of(address.id, address.url, address.secret), repeat_in_doubt=again)
    if kind == "desktop":
        from stillup.channels.desktop import desktop

        return desktop(address.id, repeat_in_doubt=again)
    if kind == "webhook" and (address.kind == "webhook" or not _is_apprises(address.url)):
        from stillup.channels.webhook import Webhook

        return Webhook(address.id, address.url, net, secret=address.secret, repeat_in_doubt=again)
    from stillup.channels.apprise import ByApprise

    return ByApprise(address.id, address.url, repeat_in_doubt=again)


def _is_apprises(url: Secret) -> bool:
    from stillup.net import host_of, is_loopback

    if is_loopback(host_of(url.reveal())):
        return False
    from stillup.channels.apprise import is_known_host

    return is_known_host(url)
