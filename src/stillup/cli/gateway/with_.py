"""``stillup with -- COMMAND``: run a program with its requests going through the gateway."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from stillup.catalog.clients import client_of, fill
from stillup.cli.common import UNAVAILABLE, config_option, load
from stillup.cli.gateway.address import TOKEN_ENV, gateway_url, is_gateway, token_from
from stillup.cli.say import warn
from stillup.daemon.pointing import with_variables
from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.config import Config


@click.command(
    name="with",
    help="Run COMMAND with its requests going through the gateway: `stillup with -- claude`. It gets the base URLs of "
    "all SDKs and keeps its keys, its signals and its exit code. Where no gateway runs, one is started, which ends "
    "with the last program that runs through it. Exit code 69 when it cannot be started.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@config_option
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND [ARGS]...")
def command(config_path: Path | None, words: tuple[str, ...]) -> int:
    """Run it."""
    config = load(config_path)
    url = gateway_url(config)
    arguments = with_arguments(words, url)
    environ = with_variables(os.environ, url, words[0], _token(config))
    from stillup.cli.gateway.hold import hold, let_go
    from stillup.cli.gateway.kept import Kept, lock_of

    lock = hold(lock_of(config))
    if is_gateway(url):
        _become(arguments, environ)
    let_go(lock)  # what is kept by this process ends with it
    with ExitStack() as stack:
        warn(f"no gateway runs at {url}; one runs until {words[0]} ends")
        try:
            stack.enter_context(Kept(config, url))
        except ChildProcessError as exc:
            warn(str(exc))
            return UNAVAILABLE
        from stillup.cli.gateway.child import run_child

        return run_child(arguments, environ)


def with_arguments(words: tuple[str, ...], url: str) -> list[str]:
    """The command line; a program that reads no variable gets the address as its own option, first."""
    client = client_of(Path(words[0]).name)
    own = [fill(text, url) for text in client.args] if client else []
    return [words[0], *own, *words[1:]]


def _token(config: Config) -> str:
    if not config.gateway.users:
        return ""
    token = token_from(os.environ)
    if not token:
        msg = f"this gateway needs a token: set {TOKEN_ENV} to yours"
        raise UsageError(msg)
    return token


def _become(arguments: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Nothing of ours stays between the terminal and the program: signals and the exit code are its own."""
    from stillup.cli.gateway.child import cannot_run

    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(arguments[0], arguments, dict(environ))  # noqa: S606 - the user's own command is the point
    except OSError as exc:
        raise SystemExit(cannot_run(arguments[0], exc)) from None
