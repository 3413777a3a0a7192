"""``stillup vault continue``: a conversation goes on with another model, or is told in short."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from stillup.cli.common import UNAVAILABLE
from stillup.cli.gateway.address import gateway_url, is_gateway, token_from
from stillup.cli.say import say, tamed, warn
from stillup.cli.terminal.clipboard import write
from stillup.cli.vault.open import open_from
from stillup.clock import SystemClock
from stillup.errors import UsageError
from stillup.gateway.dialects.neutral import Role, Text
from stillup.sources.decode import clean
from stillup.vault.branch import newest_branch
from stillup.vault.brief import brief
from stillup.vault.handover import Answer, NoAnswer, ask_on, ready
from stillup.vault.values import Conversation, Turn

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.vault.store import About, Vault


def run_brief(config: Config, beginning: str, *, to_clipboard: bool, hint: bool) -> int:
    """Print the brief."""
    with open_from(config) as vault:
        about = vault.find(beginning)
        conversation = vault.load(about)
    text = brief(about.title, newest_branch(conversation.turns))
    click.echo(tamed(text))
    if to_clipboard:
        how = write(text)
        say("It is in the clipboard." if how == "clipboard" else "It was given to the terminal's clipboard.")
    elif hint:
        say(f"`stillup vault continue {about.key} --with MODEL` goes on right here, through the gateway.")
    return 0


def run_continue(config: Config, beginning: str, model: str, text: str | None) -> int:
    """Go on with it through the running gateway; what is said is kept in the vault. 69 where no gateway runs.

    :raises UsageError: there is nothing to say.
    """
    url = gateway_url(config)
    if not is_gateway(url):
        warn(f"no gateway answers at {url}; start one with `stillup up` or `stillup gateway`.")
        say(f"Without one: `stillup vault continue {beginning} --brief` prints what to paste anywhere.")
        return UNAVAILABLE
    with open_from(config) as vault:
        about = vault.find(beginning)
        click.echo(clean(f"{about.title or about.key} · goes on with {model}", 200), err=True)
        asks = _asks(text)
        while True:
            conversation = vault.load(about)
            said = asks(conversation.turns[-1].role if conversation.turns else Role.ASSISTANT)
            if said is None:
                return 0
            try:
                answer = _once(url, conversation, about, model, said)
            except NoAnswer as exc:
                warn(str(exc))
                _keep(vault, conversation, said, None)
                return UNAVAILABLE
            _keep(vault, conversation, said, answer)


def _asks(text: str | None) -> Callable[[Role], str | None]:
    """What to say next: what was given, once; else what a person types, until nothing comes."""
    waiting = [text] if text is not None else []
    if text is None and not sys.stdin.isatty():
        waiting = [sys.stdin.read()]
    is_once = bool(waiting)

    def next_words(last: Role) -> str | None:
        if waiting:
            words = waiting.pop().strip()
            if not words and last is not Role.USER:
                msg = "there is nothing to say; `--say TEXT` says it"
                raise UsageError(msg)
            return words
        if is_once:
            return None
        try:
            return click.prompt("\nYou (nothing ends it)", default="", show_default=False, err=True) or None
        except click.Abort:
            return None

    return next_words


def _once(url: str, conversation: Conversation, about: About, model: str, said: str) -> Answer:
    asked = asyncio.run(ready(url, conversation, model, said, token_from(os.environ)))
    if asked.left_out:
        say(f"It is too long for {model}: the first {asked.left_out} messages go as a summary.")
    answer = asyncio.run(ask_on(url, asked, token_from(os.environ), _show))
    click.echo()
    say(f"Answered by {answer.by or model}; kept as {about.key}.")
    return answer


def _show(text: str) -> None:
    click.echo(tamed(text), nl=False)


def _keep(vault: Vault, conversation: Conversation, said: str, answer: Answer | None) -> None:
    """What was said and answered goes to the end of the conversation, whatever becomes of the next thing."""
    now_s = SystemClock().wall_s()
    parent = conversation.turns[-1].id if conversation.turns else ""
    turns: list[Turn] = []
    for role, text in ((Role.USER, said), (Role.ASSISTANT, answer.text if answer else "")):
        if text:
            name = f"stillup:{int(now_s * 1000)}:{role.value}"
            model = answer.models if answer and role is Role.ASSISTANT else ""
            turns.append(Turn(id=name, role=role, parts=(Text(text=text),), at_s=now_s, model=model, parent=parent))
            parent = name
    more = Conversation(origin=conversation.origin, id=conversation.id, turns=tuple(turns), changed_s=now_s)
    vault.put([more], now_s)
