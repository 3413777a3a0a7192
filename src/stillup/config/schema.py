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
from stillup.config.later import Later
from stillup.config.sla import Sla
from stillup.config.source_options import SourceConfig
from stillup.config.store import Store
from stillup.config.types import (
    BaseUrl,
    FolderOrFile,
    Hop,
    Id,
    KeyFile,
    Listen,
    Name,
    Network,
    Service,
    Usd,
    Variable,
    says,
)
from stillup.config.vault import Vault

FLOOR_S = 60
"""No public address is asked more often than this."""


class Judgement(Struct, frozen=True, kw_only=True):
    """How sure to be."""

    arl_days: Annotated[
        float,
        Meta(ge=1, le=36_500),
        says(
            "Average run length: days between two false *suspected* alarms of one service, over all families together"
        ),
    ] = 365.0


class Web(Struct, frozen=True, kw_only=True):
    """The page and the API."""

    enabled: Annotated[bool, says("`false` leaves the page out of `stillup up`")] = True
    listen: Annotated[Listen, says("Where the page listens; port 0 takes a free one")] = "127.0.0.1:8780"
    public: Annotated[
        bool,
        says(
            "`true` lets anybody read the page and hand in reports where it listens beyond this machine; "
            "the chat stays behind the token. Default: beyond this machine everything is behind the token"
        ),
    ] = False
    base_url: Annotated[
        BaseUrl | None,
        says("The address people know the page by, for links in feeds and alerts. Default: where it listens"),
    ] = None
    hosts: Annotated[
        tuple[Id, ...], says("Other names of this machine that may stand in its address, as `status.example.org`")
    ] = ()
    token_env: Annotated[
        Variable | None,
        says("The variable that holds the token. Default: one is made and kept in the data folder, mode 0600"),
    ] = None
    token_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds the token, if the variable named by `token_env` does not")
    ] = None
    metrics_token_env: Annotated[
        Variable | None,
        says("The variable that holds a token which opens `/metrics` and nothing else. Default: the page's own token"),
    ] = None
    metrics_token_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds it, if the variable does not")
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        says("Addresses or networks of proxies in front of it whose `X-Forwarded-For` is believed"),
    ] = ()
    gateway_url: Annotated[
        BaseUrl | None,
        says("The gateway that the chat talks through. Default: that of `stillup up`; `stillup run web` has none"),
    ] = None
    gateway_token_env: Annotated[
        Variable, says("The variable that holds the token of a user of that gateway, where it has users")
    ] = "STILLUP_TOKEN"  # noqa: S105 - the name of a variable
    gateway_token_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds it, if the variable does not")
    ] = None


class Playbook(Struct, frozen=True, kw_only=True):
    """What to do while something is down, beyond what stillup knows."""

    folder: Annotated[
        FolderOrFile | None,
        says(
            "A folder of the team's own steps in Markdown: `SERVICE.md`, `CLASS.md` or `all.md`. "
            "Default: `playbook` beside the configuration file"
        ),
    ] = None


class Kit(Struct, frozen=True, kw_only=True):
    """Prompts, templates and snippets of one's own."""

    folder: Annotated[
        FolderOrFile | None,
        says("The folder of your own prompts, in Markdown. Default: `kit` beside the configuration file"),
    ] = None


ProtocolName: TypeAlias = Literal["anthropic", "openai", "openai-responses", "gemini", "bedrock", "vertex"]


class Upstream(Struct, frozen=True, kw_only=True):
    """One provider the gateway can send requests to."""

    id: Annotated[Id, says("The name routes use for it")]
    protocol: Annotated[ProtocolName, says("What it speaks")]
    base_url: Annotated[
        BaseUrl | None, says("What that protocol's official SDK takes as base URL. Default: the provider's own")
    ] = None
    key_env: Annotated[Variable | None, says("The variable that holds its key. Default: no key is sent")] = None
    key_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds the key, if the variable named by `key_env` does not")
    ] = None
    pass_credentials: Annotated[
        bool, says("`true` sends the client's own key on, to a provider it was not made for too")
    ] = False
    service: Annotated[Service | None, says("The service whose verdict counts for it")] = None
    component: Annotated[Name | None, says("The component of that service that it is")] = None
    region: Annotated[
        Id | None,
        says("Where Bedrock or Vertex is asked. Default: `AWS_REGION`, `CLOUD_ML_REGION`, else `us-east-1`, `global`"),
    ] = None
    project: Annotated[
        Id | None, says("The Google Cloud project that Vertex bills. Default: `ANTHROPIC_VERTEX_PROJECT_ID`")
    ] = None


class User(Struct, frozen=True, kw_only=True):
    """Someone who may use the gateway from another machine."""

    id: Annotated[Id, says("The name the log and the limits use")]
    token_env: Annotated[Variable | None, says("The variable that holds the user's token")] = None
    token_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds the token, if the variable named by `token_env` does not")
    ] = None
    requests_per_minute: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, says("Requests a minute at most. Default: no bound")
    ] = None
    usd_per_day: Annotated[
        Usd | None, says("What the user's requests may cost a day (UTC), by the catalogue's prices. Default: no bound")
    ] = None


class Route(Struct, frozen=True, kw_only=True):
    """Which upstreams serve which models, first choice first."""

    match: Annotated[Name, says("A pattern for the model's name as the client sends it; `*` stands for anything")] = "*"
    chain: Annotated[
        tuple[Hop, ...],
        Meta(min_length=1),
        says("`upstream/model`, or `upstream` alone to keep the client's model name"),
    ]
    max_usd_per_million: Annotated[
        Usd | None,
        says(
            "What a million output tokens may cost by the catalogue; a dearer model is left out, but never the chain's "
            "first. Default: `gateway.standin_max_usd_per_million`"
        ),
    ] = None


class Gateway(Drain, frozen=True, kw_only=True):
    """The gateway."""

    enabled: Annotated[bool, says("`false` leaves the gateway out of `stillup up`")] = True
    listen: Annotated[Listen, says("Where the gateway listens; port 0 takes a free one")] = "127.0.0.1:8790"
    hosts: Annotated[
        tuple[Id, ...],
        says("Other names of this machine that clients may use in its address, as `host.docker.internal`"),
    ] = ()
    deadline_s: Annotated[float, Meta(gt=0, le=86_400), says("Seconds after which a request is given up")] = 600.0
    hedge_after_s: Annotated[
        Annotated[float, Meta(ge=0, le=3_600)] | None,
        says("Silence after which the next upstream is asked too. Default: learned from the usual time to first token"),
    ] = None
    stall_after_s: Annotated[
        float,
        Meta(gt=0, le=3_600),
        says("Silence inside an answer after which it counts as stalled; more where longer gaps are usual"),
    ] = 20.0
    max_body_mb: Annotated[int, Meta(ge=1, le=1_024), says("The largest request that is taken")] = 32
    max_concurrent: Annotated[int, Meta(ge=1, le=100_000), says("How many requests are worked on at once")] = 2_048
    queue: Annotated[
        int, Meta(ge=0, le=100_000), says("How many requests may wait beyond those; more are turned away at once")
    ] = 256
    journal: Annotated[
        bool | None,
        says(
            "Whether exchanges are saved before they are forwarded. "
            "Default: only for one person, on loopback and without users"
        ),
    ] = None
    journal_days: Annotated[int, Meta(ge=1, le=36_500), says("How long saved exchanges are kept")] = 30
    journal_max_mb: Annotated[
        int, Meta(ge=1, le=1_048_576), says("How much space they may take; the oldest go first")
    ] = 1_024
    journal_sync: Annotated[
        Literal["second", "always", "none"],
        says("When the disk must have them: each second, before anything is forwarded, or when the system likes"),
    ] = "second"
    thinking_cut: Annotated[
        Literal["restart", "hold", "error"], says("What a cut inside a thinking block does to the answer")
    ] = "restart"
    standin_usd_per_day: Annotated[
        Usd | None, says("What answers of stand-ins may cost a day (UTC); then a chain's first alone is asked")
    ] = None
    standin_max_usd_per_million: Annotated[Usd | None, says("`max_usd_per_million` where no route has one")] = None
    upstreams: Annotated[tuple[Upstream, ...], says("The providers")] = ()
    routes: Annotated[tuple[Route, ...], says("The routes; the first that matches is taken")] = ()
    users: Annotated[tuple[User, ...], says("Who may use it; needed when it listens beyond this machine")] = ()


class Document(Struct, frozen=True, kw_only=True):
    """Everything a configuration file can say."""

    data: Annotated[
        FolderOrFile | None, says("The folder of the database and all that is saved. Default: the user's data folder")
    ] = None
    services: Annotated[tuple[Service, ...], Meta(min_length=1), says("What is watched")] = ("claude", "chatgpt")
    sources: Annotated[dict[str, SourceConfig], says("How each source is read")] = {}
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
