"""``stillup completion``: click's own completion, as a script for the shell; and the words it offers first."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

_VARIABLE = "_STILLUP_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")
_HOW = {
    "bash": "stillup completion bash > ~/.local/share/bash-completion/completions/stillup",
    "zsh": "stillup completion zsh > ~/.zfunc/_stillup    (with ~/.zfunc in fpath, before compinit)",
    "fish": "stillup completion fish > ~/.config/fish/completions/stillup.fish",
}


@click.command(
    name="completion",
    help="Print a script that lets your shell complete commands, options, services and the names of your kit.\n\n\b\n"
    + "\n".join(_HOW.values()),
)
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> int:
    """Print it."""
    from stillup.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows the three
    # Its source asks which bash this is; that of another shell needs no look.
    completion = kind(cli, {}, "stillup", _VARIABLE)
    click.echo(completion.source_template % completion.source_vars())
    return 0


def words(commands: dict[str, tuple[str, str]], begun: str) -> list[CompletionItem]:
    """Commands and services that begin so; no command's module is loaded for it."""
    from stillup.catalog.load import catalogue
    from stillup.errors import StillupError

    found = [CompletionItem(name, help=says) for name, (_, says) in commands.items() if name.startswith(begun)]
    try:
        services = catalogue().values()
    except StillupError:  # a file of the user's own is broken; other commands say so
        return found
    return found + [CompletionItem(s.id, help=f"Is {s.name} down?") for s in services if s.id.startswith(begun)]
