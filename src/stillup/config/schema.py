"""The shape of the configuration: what may be set, what is allowed there, and what holds when it is not set.

Each field carries its description; the reference in ``docs/configuration.md`` is made from these and checked by a test.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from stillup.config.alerts import Alerts
from stillup.config.cluster import Cluster, Watchdog
from stillup.config.drain import Drain
from stillup.config.drill import Drill
from stillup.config.hub import Hub, Pool
from stillup.config.kinds import Kind
from stillup.config.later import Later
from stillup.config.sla import Sla
from stillup.config.store import Store
from stillup.config.vault import Vault

FLOOR_S = 60
"""No public address is asked more often than this."""


def _kind(kind: Kind) -> Meta:
    return Meta(extra={"kind": kind})


def _says(text: str) -> Meta:
    return Meta(description=text)


BaseUrl: TypeAlias = Annotated[str, _kind(Kind.BASE_URL)]
Url: TypeAlias = Annotated[str, _kind(Kind.URL)]
Listen: TypeAlias = Annotated[str, _kind(Kind.LISTEN)]
FolderOrFile: TypeAlias = Annotated[str, _kind(Kind.PATH)]
KeyFile: TypeAlias = Annotated[str, _kind(Kind.KEY_FILE)]
Variable: TypeAlias = Annotated[str, _kind(Kind.VARIABLE)]
Service: TypeAlias = Annotated[str, _kind(Kind.SERVICE)]
Country: TypeAlias = Annotated[str, _kind(Kind.COUNTRY)]
Control: TypeAlias = Annotated[str, _kind(Kind.CONTROL)]
Id: TypeAlias = Annotated[str, _kind(Kind.ID)]
Network: TypeAlias = Annotated[str, _kind(Kind.NETWORK)]
Hop: TypeAlias = Annotated[str, _kind(Kind.HOP)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Usd: TypeAlias = Annotated[float, Meta(gt=0, le=1_000_000)]


class SourceOptions(Struct, frozen=True, kw_only=True):
    """What every source can be told. None: not said here."""

    enabled: Annotated[bool | None, _says("`false` switches the source off. Default: on, once its key is there")] = None
    base_url: Annotated[
        BaseUrl | None, _says("What stands before the source's own paths. Default: the real address, per service")
    ] = None
    interval_s: Annotated[
        Annotated[int, Meta(ge=1, le=86_400)] | None,
        _says(
            "Seconds between two readings; at least 60 for any address that is not loopback. Default: the source's own"
        ),
    ] = None
    daily_budget: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None, _says("Requests a day at most. Default: no bound")
    ] = None
    key_env: Annotated[
        Variable | None, _says("The variable that holds the source's key. Default: the source's usual one")
    ] = None
    key_file: Annotated[
        KeyFile | None, _says("A file (mode 0600) that holds the key, if the variable named by `key_env` does not")
    ] = None


class StatuspageOptions(SourceOptions, frozen=True, kw_only=True):
    """Status pages in Atlassian's format."""

    api: Annotated[
        bool | None,
        _says(
            "`false` reads the page's feed only: what a public instance should do "
            "where the page asks crawlers to leave its API alone"
        ),
    ] = None


class AzureOptions(SourceOptions, frozen=True, kw_only=True):
    """Azure's status."""

    table: Annotated[
        bool | None,
        _says(
            "`true` reads the page's table of services and regions, some MiB every five minutes, in place of its feed. "
            "A `base_url` is then the page's"
        ),
    ] = None


class StatusgatorOptions(SourceOptions, frozen=True, kw_only=True):
    """StatusGator."""

    board: Annotated[Id | None, _says("The board whose monitors are read. Default: all of the account's")] = None


class DowndetectorOptions(SourceOptions, frozen=True, kw_only=True):
    """Downdetector."""

    company: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        _says("The number of the company's edition to read. Default: the American one, found by its name"),
    ] = None


class GoogleTrendsOptions(SourceOptions, frozen=True, kw_only=True):
    """Trending searches."""

    geo: Annotated[tuple[Country, ...] | None, _says("The countries whose trending searches are read")] = None


class GlobalpingOptions(SourceOptions, frozen=True, kw_only=True):
    """Looks from other countries."""

    countries: Annotated[
        Annotated[tuple[Country, ...], Meta(min_length=1, max_length=20)] | None,
        _says("The countries to look from, each one test a reading. Default: US, DE, IN, BR, JP"),
    ] = None


class XOptions(SourceOptions, frozen=True, kw_only=True):
    """X, where every question costs money."""

    max_usd_per_day: Annotated[
        Annotated[float, Meta(ge=0, le=1_000)] | None,
        _says("What X may cost a day, all services and processes of this user together. Default: 0.50"),
    ] = None
    samples: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None,
        _says("How many posts are read when more than usual match: 0, or 10 and more. Default: 10"),
    ] = None


class ClaudeCodeOptions(SourceOptions, frozen=True, kw_only=True):
    """Claude Code's transcripts on this machine."""

    path: Annotated[FolderOrFile | None, _says("The folder of transcripts. Default: Claude Code's own")] = None


class CodexOptions(SourceOptions, frozen=True, kw_only=True):
    """Codex's sessions on this machine."""

    path: Annotated[FolderOrFile | None, _says("The folder of sessions. Default: Codex's own")] = None


class GeminiCliOptions(SourceOptions, frozen=True, kw_only=True):
    """Gemini CLI's sessions on this machine."""

    path: Annotated[FolderOrFile | None, _says("The folder of sessions. Default: Gemini CLI's own")] = None


class ProbeOptions(SourceOptions, frozen=True, kw_only=True):
    """The ladder probe."""

    controls: Annotated[
        tuple[Control, ...] | None,
        _says("Addresses that have nothing to do with the service and show whether this machine's network works"),
    ] = None
    endpoints: Annotated[
        dict[str, Url] | None, _says("Other addresses for the service's endpoints, by their ids in the catalogue")
    ] = None
    model: Annotated[
        Name | None, _says("The model that is asked for a word. Default: the catalogue's, a small one")
    ] = None
    max_usd_per_day: Annotated[
        Annotated[float, Meta(ge=0, le=1_000)] | None,
        _says("What probes that use a key may cost a day, per service; 0 makes none. Default: 0.05"),
    ] = None
    deadline_s: Annotated[
        Annotated[float, Meta(gt=0, le=60)] | None,
        _says("Seconds after which a reading is given up. Default: 2 when asked once, 10 when watching"),
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


class Judgement(Struct, frozen=True, kw_only=True):
    """How sure to be."""

    arl_days: Annotated[
        float,
        Meta(ge=1, le=36_500),
        _says(
            "Average run length: days between two false *suspected* alarms of one service, over all families together"
        ),
    ] = 365.0


class Web(Struct, frozen=True, kw_only=True):
    """The page and the API."""

    enabled: Annotated[bool, _says("`false` leaves the page out of `stillup up`")] = True
    listen: Annotated[Listen, _says("Where the page listens; port 0 takes a free one")] = "127.0.0.1:8780"
    public: Annotated[
        bool,
        _says(
            "`true` lets anybody read the page and hand in reports where it listens beyond this machine; "
            "the chat stays behind the token. Default: beyond this machine everything is behind the token"
        ),
    ] = False
    base_url: Annotated[
        BaseUrl | None,
        _says("The address people know the page by, for links in feeds and alerts. Default: where it listens"),
    ] = None
    hosts: Annotated[
        tuple[Id, ...], _says("Other names of this machine that may stand in its address, as `status.example.org`")
    ] = ()
    token_env: Annotated[
        Variable | None,
        _says("The variable that holds the token. Default: one is made and kept in the data folder, mode 0600"),
    ] = None
    token_file: Annotated[
        KeyFile | None, _says("A file (mode 0600) that holds the token, if the variable named by `token_env` does not")
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        _says("Addresses or networks of proxies in front of it whose `X-Forwarded-For` is believed"),
    ] = ()


class Playbook(Struct, frozen=True, kw_only=True):
    """What to do while something is down, beyond what stillup knows."""

    folder: Annotated[
        FolderOrFile | None,
        _says(
            "A folder of the team's own steps in Markdown: `SERVICE.md`, `CLASS.md` or `all.md`. "
            "Default: `playbook` beside the configuration file"
        ),
    ] = None


class Kit(Struct, frozen=True, kw_only=True):
    """Prompts, templates and snippets of one's own."""

    folder: Annotated[
        FolderOrFile | None,
        _says("The folder of your own prompts, in Markdown. Default: `kit` beside the configuration file"),
    ] = None


ProtocolName: TypeAlias = Literal["anthropic", "openai", "openai-responses", "gemini", "bedrock", "vertex"]


class Upstream(Struct, frozen=True, kw_only=True):
    """One provider the gateway can send requests to."""

    id: Annotated[Id, _says("The name routes use for it")]
    protocol: Annotated[ProtocolName, _says("What it speaks")]
    base_url: Annotated[
        BaseUrl | None, _says("What that protocol's official SDK takes as base URL. Default: the provider's own")
    ] = None
    key_env: Annotated[Variable | None, _says("The variable that holds its key. Default: no key is sent")] = None
    key_file: Annotated[
        KeyFile | None, _says("A file (mode 0600) that holds the key, if the variable named by `key_env` does not")
    ] = None
    pass_credentials: Annotated[
        bool, _says("`true` sends the client's own key on, to a provider it was not made for too")
    ] = False
    service: Annotated[Service | None, _says("The service whose verdict counts for it")] = None
    component: Annotated[Name | None, _says("The component of that service that it is")] = None
    region: Annotated[
        Id | None,
        _says("Where Bedrock or Vertex is asked. Default: `AWS_REGION`, `CLOUD_ML_REGION`, else `us-east-1`, `global`"),
    ] = None
    project: Annotated[
        Id | None, _says("The Google Cloud project that Vertex bills. Default: `ANTHROPIC_VERTEX_PROJECT_ID`")
    ] = None


class User(Struct, frozen=True, kw_only=True):
    """Someone who may use the gateway from another machine."""

    id: Annotated[Id, _says("The name the log and the limits use")]
    token_env: Annotated[Variable | None, _says("The variable that holds the user's token")] = None
    token_file: Annotated[
        KeyFile | None, _says("A file (mode 0600) that holds the token, if the variable named by `token_env` does not")
    ] = None
    requests_per_minute: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, _says("Requests a minute at most. Default: no bound")
    ] = None
    usd_per_day: Annotated[
        Usd | None, _says("What the user's requests may cost a day (UTC), by the catalogue's prices. Default: no bound")
    ] = None


class Route(Struct, frozen=True, kw_only=True):
    """Which upstreams serve which models, first choice first."""

    match: Annotated[Name, _says("A pattern for the model's name as the client sends it; `*` stands for anything")] = (
        "*"
    )
    chain: Annotated[
        tuple[Hop, ...],
        Meta(min_length=1),
        _says("`upstream/model`, or `upstream` alone to keep the client's model name"),
    ]
    max_usd_per_million: Annotated[
        Usd | None,
        _says(
            "What a million output tokens may cost by the catalogue; a dearer model is left out, but never the chain's "
            "first. Default: `gateway.standin_max_usd_per_million`"
        ),
    ] = None


class Gateway(Drain, frozen=True, kw_only=True):
    """The gateway."""

    enabled: Annotated[bool, _says("`false` leaves the gateway out of `stillup up`")] = True
    listen: Annotated[Listen, _says("Where the gateway listens; port 0 takes a free one")] = "127.0.0.1:8790"
    hosts: Annotated[
        tuple[Id, ...],
        _says("Other names of this machine that clients may use in its address, as `host.docker.internal`"),
    ] = ()
    deadline_s: Annotated[float, Meta(gt=0, le=86_400), _says("Seconds after which a request is given up")] = 600.0
    hedge_after_s: Annotated[
        Annotated[float, Meta(ge=0, le=3_600)] | None,
        _says(
            "Silence after which the next upstream is asked too. Default: learned from the usual time to first token"
        ),
    ] = None
    stall_after_s: Annotated[
        float,
        Meta(gt=0, le=3_600),
        _says("Silence inside an answer after which it counts as stalled; more where longer gaps are usual"),
    ] = 20.0
    max_body_mb: Annotated[int, Meta(ge=1, le=1_024), _says("The largest request that is taken")] = 32
    max_concurrent: Annotated[int, Meta(ge=1, le=100_000), _says("How many requests are worked on at once")] = 2_048
    queue: Annotated[
        int, Meta(ge=0, le=100_000), _says("How many requests may wait beyond those; more are turned away at once")
    ] = 256
    journal: Annotated[
        bool | None,
        _says(
            "Whether exchanges are saved before they are forwarded. "
            "Default: only for one person, on loopback and without users"
        ),
    ] = None
    journal_days: Annotated[int, Meta(ge=1, le=36_500), _says("How long saved exchanges are kept")] = 30
    journal_max_mb: Annotated[
        int, Meta(ge=1, le=1_048_576), _says("How much space they may take; the oldest go first")
    ] = 1_024
    journal_sync: Annotated[
        Literal["second", "always", "none"],
        _says("When the disk must have them: each second, before anything is forwarded, or when the system likes"),
    ] = "second"
    thinking_cut: Annotated[
        Literal["restart", "hold", "error"], _says("What a cut inside a thinking block does to the answer")
    ] = "restart"
    standin_usd_per_day: Annotated[
        Usd | None, _says("What answers of stand-ins may cost a day (UTC); then a chain's first alone is asked")
    ] = None
    standin_max_usd_per_million: Annotated[Usd | None, _says("`max_usd_per_million` where no route has one")] = None
    upstreams: Annotated[tuple[Upstream, ...], _says("The providers")] = ()
    routes: Annotated[tuple[Route, ...], _says("The routes; the first that matches is taken")] = ()
    users: Annotated[tuple[User, ...], _says("Who may use it; needed when it listens beyond this machine")] = ()


class Document(Struct, frozen=True, kw_only=True):
    """Everything a configuration file can say."""

    data: Annotated[
        FolderOrFile | None, _says("The folder of the database and all that is saved. Default: the user's data folder")
    ] = None
    services: Annotated[tuple[Service, ...], Meta(min_length=1), _says("What is watched")] = ("claude", "chatgpt")
    sources: Annotated[dict[str, SourceConfig], _says("How each source is read")] = {}
    store: Store = Store()
    judgement: Judgement = Judgement()
    web: Web = Web()
    hub: Hub = Hub()
    pool: Pool = Pool()
    alerts: Alerts = Alerts()
    playbook: Playbook = Playbook()
    kit: Kit = Kit()
    gateway: Gateway = Gateway()
    vault: Vault = Vault()
    later: Later = Later()
    drill: Drill = Drill()
    sla: Sla = Sla()
    cluster: Cluster = Cluster()
    watchdog: Watchdog = Watchdog()
