"""Where the kit of a configuration is, and which of its files a word means."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem
from click.types import StringParamType

from stillup.cli.say import warn
from stillup.errors import BadDataError, UsageError

if TYPE_CHECKING:
    import click

    from stillup.config import Config
    from stillup.kit.entry import Entry
    from stillup.kit.index import Index, Row

_MOST_OFFERED = 200
_MOST_NAMED = 5


class KitPlace:
    """The kit of one configuration: ``own`` is the user's folder, which may not be there yet."""

    def __init__(self, own: Path, cache: Path) -> None:
        self.own = own
        self._cache = cache

    @classmethod
    def of(cls, config: Config) -> KitPlace:
        """As configured, else ``kit`` beside the configuration file, else where that would be."""
        from platformdirs import user_config_path

        home = config.path.absolute().parent if config.path is not None else user_config_path("stillup")
        own = Path(config.kit.folder) if config.kit.folder else home / "kit"
        return cls(own, config.data_folder / "cache" / "kit.index")

    def index(self, *, quietly: bool = False) -> Index:
        """Everything in it; files that had to be left out are named on stderr."""
        from stillup.kit.folder import STARTER
        from stillup.kit.index import look

        found = look(STARTER, self.own, self._cache)
        for skipped in () if quietly else found.skipped[:_MOST_NAMED]:
            warn(f"left out: {skipped.path} {skipped.why}")
        if len(found.skipped) > _MOST_NAMED and not quietly:
            warn(f"and {len(found.skipped) - _MOST_NAMED} more files were left out")
        return found

    def find(self, word: str) -> Row:
        """The one of that name; else the only one whose name ends with it, begins with it or has it.

        :raises UsageError: there is none, or several.
        """
        rows = {row.name: row for row in self.index().rows}
        word = word.removesuffix(".md")
        if word in rows:
            return rows[word]
        small = word.lower()
        fits = (
            lambda name: name.rpartition("/")[2] == small,
            lambda name: name.rpartition("/")[2].startswith(small),
            lambda name: small in name,
        )
        for fit in fits:
            found = [name for name in rows if fit(name.lower())]
            if len(found) == 1:
                return rows[found[0]]
            if found:
                msg = (
                    f"{word[:60]!r} means several: {', '.join(found[:_MOST_NAMED])}{' …' * (len(found) > _MOST_NAMED)}"
                )
                raise UsageError(msg)
        near = get_close_matches(small, rows, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"try `stillup kit search {word[:40]}`"
        msg = f"nothing in the kit is called {word[:60]!r}; {hint}"
        raise UsageError(msg)

    def path(self, row: Row) -> Path:
        """Its file."""
        from stillup.kit.folder import STARTER

        return (self.own if row.is_own else STARTER) / f"{row.name}.md"

    def read(self, row: Row) -> Entry:
        """It itself; what of it could not be read is named on stderr.

        :raises BadDataError: it has gone, or is no text any more.
        """
        from stillup.kit.entry import Entry
        from stillup.kit.folder import read_file

        entry = read_file(row.name, str(self.path(row)))
        if not isinstance(entry, Entry):
            msg = f"{entry.path} {entry.why}"
            raise BadDataError(msg)
        if entry.trouble:
            warn(f"{self.path(row)}: {entry.trouble}")
        return entry


class KitName(StringParamType):
    """A name in the kit; shells complete it."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Those that begin so."""
        import os

        from stillup.config import load_config
        from stillup.errors import StillupError

        try:
            config = load_config(ctx.params.get("config_path") or ctx.obj, os.environ)
            rows = KitPlace.of(config).index(quietly=True).rows
        except StillupError:
            return []
        found = [row for row in rows if row.name.startswith(incomplete)]
        return [CompletionItem(row.name, help=row.title) for row in found[:_MOST_OFFERED]]
