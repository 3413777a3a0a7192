"""What sources can be told: what all of them can, and what some of them can besides."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.types import BaseUrl, Control, Country, FolderOrFile, Id, KeyFile, Name, Url, Variable, says


class SourceOptions(Struct, frozen=True, kw_only=True):
    """What every source can be told. None: not said here."""

    enabled: Annotated[bool | None, says("`false` switches the source off. Default: on, once its key is there")] = None
    base_url: Annotated[
        BaseUrl | None, says("What stands before the source's own paths. Default: the real address, per service")
    ] = None
    interval_s: Annotated[
        Annotated[int, Meta(ge=1, le=86_400)] | None,
        says(
            "Seconds between two readings; at least 60 for any address that is not loopback. Default: the source's own"
        ),
    ] = None
    daily_budget: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None, says("Requests a day at most. Default: no bound")
    ] = None
    key_env: Annotated[
        Variable | None, says("The variable that holds the source's key. Default: the source's usual one")
    ] = None
    key_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds the key, if the variable named by `key_env` does not")
    ] = None


class StatuspageOptions(SourceOptions, frozen=True, kw_only=True):
    """Status pages in Atlassian's format."""

    api: Annotated[
        bool | None,
        says(
            "`false` reads the page's feed only: what a public instance should do "
            "where the page asks crawlers to leave its API alone"
        ),
    ] = None


class AzureOptions(SourceOptions, frozen=True, kw_only=True):
    """Azure's status."""

    table: Annotated[
        bool | None,
        says(
            "`true` reads the page's table of services and regions, some MiB every five minutes, in place of its feed. "
            "A `base_url` is then the page's"
        ),
    ] = None


class StatusgatorOptions(SourceOptions, frozen=True, kw_only=True):
    """StatusGator."""

    board: Annotated[Id | None, says("The board whose monitors are read. Default: all of the account's")] = None


class DowndetectorOptions(SourceOptions, frozen=True, kw_only=True):
    """Downdetector."""

    company: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        says("The number of the company's edition to read. Default: the American one, found by its name"),
    ] = None


class GoogleTrendsOptions(SourceOptions, frozen=True, kw_only=True):
    """Trending searches."""

    geo: Annotated[tuple[Country, ...] | None, says("The countries whose trending searches are read")] = None


class GlobalpingOptions(SourceOptions, frozen=True, kw_only=True):
    """Looks from other countries."""

    countries: Annotated[
        Annotated[tuple[Country, ...], Meta(min_length=1, max_length=20)] | None,
        says("The countries to look from, each one test a reading. Default: US, DE, IN, BR, JP"),
    ] = None


class XOptions(SourceOptions, frozen=True, kw_only=True):
    """X, where every question costs money."""

    max_usd_per_day: Annotated[
        Annotated[float, Meta(ge=0, le=1_000)] | None,
        says("What X may cost a day, all services and processes of this user together. Default: 0.50"),
    ] = None
    samples: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None,
        says("How many posts are read when more than usual match: 0, or 10 and more. Default: 10"),
    ] = None


class ClaudeCodeOptions(SourceOptions, frozen=True, kw_only=True):
    """Claude Code's transcripts on this machine."""

    path: Annotated[FolderOrFile | None, says("The folder of transcripts. Default: Claude Code's own")] = None


class CodexOptions(SourceOptions, frozen=True, kw_only=True):
    """Codex's sessions on this machine."""

    path: Annotated[FolderOrFile | None, says("The folder of sessions. Default: Codex's own")] = None


class GeminiCliOptions(SourceOptions, frozen=True, kw_only=True):
    """Gemini CLI's sessions on this machine."""

    path: Annotated[FolderOrFile | None, says("The folder of sessions. Default: Gemini CLI's own")] = None


class ProbeOptions(SourceOptions, frozen=True, kw_only=True):
    """The ladder probe."""

    controls: Annotated[
        tuple[Control, ...] | None,
        says("Addresses that have nothing to do with the service and show whether this machine's network works"),
    ] = None
    endpoints: Annotated[
        dict[str, Url] | None, says("Other addresses for the service's endpoints, by their ids in the catalogue")
    ] = None
    model: Annotated[Name | None, says("The model that is asked for a word. Default: the catalogue's, a small one")] = (
        None
    )
    max_usd_per_day: Annotated[
        Annotated[float, Meta(ge=0, le=1_000)] | None,
        says("What probes that use a key may cost a day, per service; 0 makes none. Default: 0.05"),
    ] = None
    deadline_s: Annotated[
        Annotated[float, Meta(gt=0, le=60)] | None,
        says("Seconds after which a reading is given up. Default: 2 when asked once, 10 when watching"),
    ] = None


_OWN: dict[str, type[SourceOptions]] = {
    "statuspage": StatuspageOptions,
    "azure": AzureOptions,
    "statusgator": StatusgatorOptions,
    "downdetector": DowndetectorOptions,
    "google_trends": GoogleTrendsOptions,
    "globalping": GlobalpingOptions,
    "x": XOptions,
    "claude_code": ClaudeCodeOptions,
    "codex": CodexOptions,
    "gemini_cli": GeminiCliOptions,
    "probe": ProbeOptions,
}


def options_type(source_id: str) -> type[SourceOptions]:
    """The struct of what that source can be told."""
    return _OWN.get(source_id, SourceOptions)


class SourceConfig(Struct, frozen=True, kw_only=True):
    """``[sources.ID]``, and ``[sources.ID.SERVICE]`` where one service needs another word."""

    everywhere: SourceOptions = SourceOptions()
    services: dict[str, SourceOptions] = {}
