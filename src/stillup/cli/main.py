"""The ``stillup`` command: commands by name, and any other first word is a service to ask about."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from stillup import __version__
from stillup.cli.say import ReaderGone, say, warn
from stillup.errors import StillupError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

USAGE, INTERNAL, INTERRUPTED = 64, 70, 130

# Section of the help → name → (module, what it does); modules are loaded only when their command is run.
SECTIONS = {
    "Is it down?": {
        "top": ("live.top", "The services as a live table, with the last hours of each."),
        "watch": ("live.watch", "Say it when a service breaks and when it is back."),
        "history": ("history", "What was seen before: incidents and changes."),
        "forecast": ("forecast.command", "How long it will take, and how sure that is."),
        "report": ("report", "Say that you have a problem with a service."),
        "demo": ("demo.command", "Play an outage on this machine (simulated): that of 2026-04-07, or another."),
    },
    "Keep working while it is down": {
        "with": ("gateway.with_", "Run a program with its requests going through the gateway."),
        "gateway": ("gateway.command", "One local address for your AI clients that outlives its providers' outages."),
        "alternatives": ("instead.alternatives", "What to use instead of a service, of what is up now."),
        "compare": (
            "instead.compare",
            "Services side by side: now, speed, prices, abilities, promises, the last 30 days.",
        ),
        "offline": ("instead.offline", "What still works with no AI service at all, and what to prepare."),
        "later": (
            "later.command",
            "What waits until a service is well again: requests that nobody could answer, commands.",
        ),
    },
    "Your conversations and prompts": {
        "vault": (
            "vault.command",
            "Your conversations in one private place: imported, searched, written out, gone on with.",
        ),
        "kit": ("kit.command", "Prompts, templates and snippets: found and filled in with no network at all."),
    },
    "Before the next time": {
        "drill": ("drill.command", "An outage on purpose: what comes through it, and what you do by hand."),
        "risk": ("risk.risk", "What you depend on, what would take it all down, and what one more way would buy."),
        "plan": ("risk.plan", "Write down, before it is needed, how work goes on without a service."),
        "sla": ("risk.sla", "Availability against a target, by side: error budgets, burn rates, credits."),
        "switch": ("risk.switch", "Stay or switch, after an incident: an honest comparison."),
    },
    "Run it": {
        "up": ("operate.up", "Watch, and serve the page and the gateway, in one process."),
        "doctor": ("operate.doctor", "Which sources work from here, and why not."),
        "alert": (
            "operate.alert",
            "Try the channels of alerts, see what was sent, say that you know, ask for silence.",
        ),
        "add-service": ("add_service", "Watch a service that the catalogue does not have."),
        "run": ("operate.run", "One role of a cluster as a process: monitor, hub, gateway or web."),
        "store": ("operate.store", "The database: moved to PostgreSQL or back, checked, saved, brought back."),
    },
    "Beside other programs": {
        "statusline": ("statusline.command", "One line for Claude Code's status bar: how Claude is, and who answers."),
        "mcp": ("mcp", "A server for assistants (MCP): is it down, forecast, alternatives, report."),
        "completion": (
            "completion",
            "A script that lets your shell complete commands, services and names of the kit.",
        ),
    },
    "Its methods, on data of yours": {
        "replay": ("judge.replay", "Judge a recorded file of signals."),
        "detect": ("judge.detect", "Lasting shifts in a plain series of numbers."),
        "localise": ("judge.localise", "Where the excess, or the shortfall, of a table lies."),
    },
}
COMMANDS = {name: what for those in SECTIONS.values() for name, what in those.items()}

_SERVICES = (("SERVICE…", "The answer now: `stillup claude`; of several, or of `all`, a line each, worst first."),)

_EPILOG = """\b
Examples:
  stillup claude                      is it down?
  stillup claude --task coding        … and what to use instead for coding
  stillup claude --seen downdetector=354/24h
  stillup all                         every service, worst first
  stillup all --task coding           what can be used for coding now
  stillup watch claude chatgpt        say it when something changes
  stillup with -- claude              go on working while it is down
  stillup demo                        see an outage, simulated
\b
Exit codes: 0 operational, 1 degraded or suspected, 2 outage confirmed, 3 unknown,
4 only you or your quota, 64 bad usage, 65 bad data, 69 no gateway answers or can be started,
70 database, bus or stillup itself failed, 130 interrupted.
"""


class _Commands(click.Group):
    """Loads commands when they are asked for; a word that is none is taken for a service."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"stillup.cli.{COMMANDS[name][0]}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        from stillup.cli.completion import words

        return words(COMMANDS, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            ask: click.Command = import_module("stillup.cli.answer.ask").command
            return "SERVICE", ask, args
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        first, wide = list(_SERVICES), max(map(len, COMMANDS))
        for title, those in SECTIONS.items():
            # Not `section`, which would put a colon behind a question; and one width, so that the eye has one edge.
            formatter.write(f"\n{title}\n")
            with formatter.indentation():
                rows = [*first, *((name, says) for name, (_, says) in those.items())]
                formatter.write_dl([(name.ljust(wide), says) for name, says in rows])
            first = []


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="SERVICE… | all | COMMAND [ARGS]…",
    no_args_is_help=True,
)
@click.version_option(__version__, prog_name="stillup")
def cli() -> None:
    """Is Claude down? Know in seconds, with evidence from independent sides, and keep working anyway."""


def run(args: list[str] | None = None) -> int:
    """Run the command line and give its exit code; every error is one sentence on stderr."""
    try:
        code = cli.main(args=args, prog_name="stillup", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - the last line of defence: a crash has a code too
        return _code_of(exc, args)
    return code if isinstance(code, int) else 0


def _code_of(exc: BaseException, args: list[str] | None) -> int:
    if isinstance(exc, BaseExceptionGroup):  # from tasks that ran side by side
        return _code_of(exc.exceptions[0], args)
    if isinstance(exc, click.ClickException):
        context = getattr(exc, "ctx", None)
        usage, message = context.get_usage() if context is not None else "", exc.format_message()
        # A group without a subcommand says its help, which begins with its usage.
        say(message if usage and message.startswith(usage) else f"{usage}\nError: {message}".lstrip())
        return USAGE
    if isinstance(exc, (click.Abort, KeyboardInterrupt)):
        return INTERRUPTED
    if isinstance(exc, StillupError):
        warn(_with_near_command(str(exc), args) if isinstance(exc, UsageError) else str(exc))
        return exc.exit_code
    if isinstance(exc, (BrokenPipeError, ReaderGone)):
        # Whoever read the output has gone; Python would complain about it again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return _crash(exc)


def _with_near_command(says: str, args: list[str] | None) -> str:
    from difflib import get_close_matches

    words = (sys.argv[1:] if args is None else args)[:1]
    if not words or words[0] in COMMANDS:
        return says
    near = get_close_matches(words[0].lower(), COMMANDS, n=1, cutoff=0.7)
    if not near:
        return says
    # Who meant a command is not helped by the names of all services.
    nobody, all_known, _ = says.partition(" known: ")
    meant = "did you mean" if all_known else "Or"
    return f"{nobody} {meant} the command `stillup {near[0]}`?"


def _crash(exc: BaseException) -> int:
    from traceback import print_exception

    warn("an internal error; please report what follows:")
    print_exception(exc)
    return INTERNAL


def main() -> None:
    """Entry point of the ``stillup`` script."""
    sys.exit(run())
