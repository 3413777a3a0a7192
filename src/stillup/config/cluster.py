"""Beyond one machine: where the bus is, who this process is, who watches over it all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from stillup.config.kinds import Kind, stays_here
from stillup.config.types import Id, KeyFile, Listen, Url, Variable, says
from stillup.config.words import Complaint, KeyPath, near, show

BusAddress: TypeAlias = Annotated[str, Meta(extra={"kind": Kind.BUS})]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000)]


class Expect(Struct, frozen=True, kw_only=True):
    """How many of each role there are when all is well."""

    monitor: Annotated[Count, says("How many monitors should be there; fewer is said to whom `[watchdog]` names")] = 0
    hub: Annotated[Count, says("Likewise of hubs")] = 0
    gateway: Annotated[Count, says("Likewise of gateways")] = 0
    web: Annotated[Count, says("Likewise of pages")] = 0


class Cluster(Struct, frozen=True, kw_only=True):
    """What `stillup run` needs; `stillup up` takes no notice of it."""

    bus: Annotated[
        tuple[BusAddress, ...],
        Meta(max_length=16),
        says("The NATS servers, each of one cluster, with JetStream; `stillup run` needs one at least"),
    ] = ()
    prefix: Annotated[
        str, Meta(extra={"kind": Kind.PLAIN}), says("What all names on the bus begin with: two installations have two")
    ] = "stillup"
    name: Annotated[
        Annotated[str, Meta(extra={"kind": Kind.PLAIN})] | None,
        says("The name of this process in the cluster, its own. Default: the machine's name, the role and four digits"),
    ] = None
    user: Annotated[Id | None, says("The user on the bus, where it asks for one")] = None
    password_env: Annotated[Variable | None, says("The variable that holds that user's password")] = None
    password_file: Annotated[KeyFile | None, says("A file (mode 0600) that holds it, if the variable does not")] = None
    token_env: Annotated[Variable | None, says("The variable that holds a token for the bus")] = None
    token_file: Annotated[KeyFile | None, says("A file (mode 0600) that holds it, if the variable does not")] = None
    credentials_file: Annotated[KeyFile | None, says("A file of NATS credentials (`.creds`, mode 0600)")] = None
    ca_file: Annotated[KeyFile | None, says("Who signed the servers' certificates (PEM). Default: the system's")] = None
    cert_file: Annotated[KeyFile | None, says("This process's own certificate for the bus (PEM)")] = None
    key_file: Annotated[KeyFile | None, says("The key of that certificate (PEM, mode 0600)")] = None
    copies: Annotated[
        Annotated[int, Meta(ge=1, le=5)] | None,
        says("On how many servers each stream is kept. Default: 3 in a cluster of servers, 1 on a single one"),
    ] = None
    log_mb: Annotated[
        int, Meta(ge=1, le=1_048_576), says("How much a partition's log may hold on the bus; the oldest goes first")
    ] = 64
    log_days: Annotated[float, Meta(gt=0, le=365), says("How long it is kept there")] = 7.0
    health: Annotated[
        Listen | None,
        says(
            "Where this process answers `/healthz`, `/readyz` and `/metrics`, whatever its role. Beyond this machine "
            "`/metrics` asks for the token of the page (`web.token_env`, `web.token_file`). Default: nowhere"
        ),
    ] = None
    drain_s: Annotated[
        float,
        Meta(ge=0, le=600),
        says(
            "Seconds for which a page or hub that was told to stop still serves while `/readyz` says 503: as long as a "
            "load balancer needs to notice. Gateways have `gateway.drain_s`"
        ),
    ] = 5.0
    expect: Expect = Expect()


class Watchdog(Struct, frozen=True, kw_only=True):
    """Who watches stillup."""

    url: Annotated[
        Url | None,
        says("An address that is called while all is well; whoever keeps it sounds the alarm when the calls cease"),
    ] = None
    url_env: Annotated[Variable | None, says("The variable that holds that address, where it is a secret")] = None
    every_s: Annotated[int, Meta(ge=10, le=86_400), says("Seconds between two calls")] = 60
    judged_within_s: Annotated[
        int, Meta(ge=90, le=86_400), says("All is well while every service was judged within so many seconds")
    ] = 180
    silent_after_s: Annotated[
        int, Meta(ge=10, le=86_400), says("A role counts as missing once it was short of processes for so long")
    ] = 30
    tell: Annotated[tuple[Id, ...], says("The channels of `[alerts]` that are told when something is missing")] = ()


def cautions(cluster: Cluster) -> Iterator[str]:
    """What is allowed and worth a word."""
    has_secret = bool(cluster.user or cluster.token_env or cluster.token_file or cluster.credentials_file)
    for address in cluster.bus:
        if address.startswith("nats://") and not stays_here(address):
            what = "the way in and everything said" if has_secret else "everything said"
            yield f"cluster.bus: {address} sends {what} unencrypted; tls:// does not"


def key_files(cluster: Cluster) -> tuple[str | None, ...]:
    """The files that nobody else should be able to read."""
    return cluster.password_file, cluster.token_file, cluster.credentials_file, cluster.key_file


def complaints(cluster: Cluster, watchdog: Watchdog, channels: Sequence[str]) -> Iterator[Complaint]:
    """What is wrong between the keys; ``channels`` are the ids of those that there are."""
    yield from _cluster(cluster)
    if watchdog.url and watchdog.url_env:
        yield Complaint(("watchdog", "url_env"), "stands beside `url`; allowed: one of the two")
    for place, name in enumerate(watchdog.tell):
        if name not in channels:
            says = f"no channel is called {show(name)}{near(name, list(channels))}"
            yield Complaint(("watchdog", "tell", place), f"{says}; allowed: {', '.join(channels) or 'none yet'}")


def _cluster(cluster: Cluster) -> Iterator[Complaint]:
    at: KeyPath = ("cluster",)
    ways = {
        "user": cluster.user,
        "token_env": cluster.token_env or cluster.token_file,
        "credentials_file": cluster.credentials_file,
    }
    said = [key for key, value in ways.items() if value]
    if len(said) > 1:
        yield Complaint((*at, said[1]), f"stands beside `{said[0]}`; allowed: one way in")
    has_password = bool(cluster.password_env or cluster.password_file)
    if has_password != bool(cluster.user):
        there, lacks = ("password_env", "user") if has_password else ("user", "password_env")
        yield Complaint((*at, there), f"has no `{lacks}` beside it; allowed: both or neither")
    if bool(cluster.cert_file) != bool(cluster.key_file):
        there, lacks = ("cert_file", "key_file") if cluster.cert_file else ("key_file", "cert_file")
        yield Complaint((*at, there), f"has no `{lacks}` beside it; allowed: both or neither")
