"""How many machines an outage takes: ten million people, and a hundred thousand users of gateways, second by second.

    python bench/scale.py --day 21 [--asks 12]
    python bench/scale.py [--people 10e6] [--gateway-users 1e5] [--costs FILE] [--seed 1]

What a thing costs is measured (`python bench/cluster/cost.py --json FILE`); how people behave is assumed, and each
assumption stands in :class:`People` with its reason. An hour is simulated: people come, look, keep the page open, and
report; programs ask the API; each group of processes works off what comes, at most so much of a core a second, and what
it cannot waits. The answer is the least number of processes, one of which may die, with waits of at most a second.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

USABLE = 0.7
"""Of a core is planned with: the rest is for bursts within a second, and for what else a process does."""
HOUR_S = 3_600
WAIT_S = 1.0
READERS_EACH = 5_000
"""Open pages a process takes (``stillup.web.events.MOST_READERS``)."""
HUB_NOTES_HZ = 256
"""Notes a second a desk tells the others at most."""


class Costs(Struct, frozen=True, kw_only=True):
    """What was measured, on one core of the machine that docs/benchmarks.md describes, with other work on it."""

    report_hub_us: float = 211.0
    report_nats_us: float = 8.3
    request_gateway_us: float = 248.0
    stream_gateway_us: float = 381.0
    """With ten tokens; see ``chunk_us``."""
    chunk_us: float = 7.2
    """Of a longer stream, each (docs/benchmarks.md, 0.72 ms for 100)."""
    page_web_us: float = 41.0
    """With the real board (docs/benchmarks.md); an empty one costs 27."""
    reader_kb: float = 19.6
    event_us: float = 32.5
    page_bytes: float = 8_600
    """A page taken anew in the outage, packed, with its headers (`bench/web/serve.py`); the first view is 16 KB."""
    told_bytes: float = 500
    """What an open page of one service is told of a change: three in brief, and the minute."""
    key_bytes_s: float = 34.0
    """Bus traffic an active kind of report and desk, at any volume (`bench/hub/traffic.py`: 33.4 KB/s for 991)."""
    minute_ms: float = 23.0
    """Judging one minute of 21 services with every source."""
    web_mb: float = 118.0
    gateway_mb: float = 52.0


class People(Struct, frozen=True, kw_only=True):
    """How they behave: assumed, all of it. Change one and see."""

    meet_half_s: float = 300.0
    """Half of them meet the outage within five minutes: they use it at random times of a working hour."""
    look: float = 0.10
    """Of those who meet it, this share come to the page: the service's own page and search take the rest."""
    views: float = 2.0
    """Pages each opens, the first at once."""
    stay_s: float = 240.0
    """So long a page stays open, on average."""
    report: float = 0.05
    """Of those who look, this share report."""
    polls_hz: float = 2_000.0
    """Programs that ask the API, together: 120,000 that ask once a minute."""
    changes: tuple[int, ...] = (120, 300, 2_400)
    """When verdicts change, in seconds: each open page is told and takes the page anew within 0.7 s."""
    kinds: int = 991
    """Kinds of report that are active at once: the long tail of `bench/hub/traffic.py`."""
    active: float = 0.15
    """Of the gateways' users, at work in the same minute."""
    asks_s: float = 20.0
    """An active one asks once in so many seconds: agents more often, people less."""
    tokens: int = 300
    """Pieces of an answer's stream."""
    stream_s: float = 8.0
    tries: float = 1.3
    """Of one request in the outage: what fails is tried elsewhere."""


class Group(Struct, kw_only=True):
    """Processes of one kind that work off what comes."""

    name: str
    cores: float = 0.0
    """Processor seconds a second, at the busiest second."""
    total_s: float = 0.0
    waits_s: float = 0.0
    processes: int = 0
    why: str = ""


def meeting(people: float, said: People, dice: Random) -> Iterator[int]:
    """How many meet the outage in each second: the rest of those who have not, at one rate, with chance."""
    left = people
    rate = 1 - 0.5 ** (1 / said.meet_half_s)
    for _ in range(HOUR_S):
        mean = left * rate
        now = max(0, round(dice.gauss(mean, math.sqrt(mean)))) if mean > 0 else 0
        left -= now
        yield now


def hour(people: float, said: People, costs: Costs, dice: Random) -> tuple[list[float], list[float], list[float]]:
    """The work of pages and hubs in each second of an hour, in processor seconds, and pages open."""
    web, hub, open_pages = [], [], []
    opened = 0.0
    for second, met in enumerate(meeting(people, said, dice)):
        looks = met * said.look
        opened += looks - opened / said.stay_s
        views = looks * said.views + said.polls_hz
        work = views * costs.page_web_us
        # Each minute's board goes to every open page; a change makes each take the page anew.
        if second % 60 == 0:
            work += opened * costs.event_us
        if second in said.changes:
            work += opened * (costs.event_us + costs.page_web_us)
        web.append(work / 1e6)
        hub.append(looks * said.report * costs.report_hub_us / 1e6)
        open_pages.append(opened)
    return web, hub, open_pages


def worst_wait(work: list[float], processes: int) -> float:
    """The longest that work waits before so many processes, each of a core."""
    behind = worst = 0.0
    for due in work:
        behind = max(0.0, behind + due - processes * USABLE)
        worst = max(worst, behind / (processes * USABLE))
    return worst


def least(name: str, work: list[float], floor: int = 1, why: str = "") -> Group:
    """The fewest processes with waits within bounds, and one more, for one may die."""
    n = floor
    while worst_wait(work, n) > WAIT_S:
        n += 1
    reason = why if n == floor and floor > 1 else f"waits ≤ {WAIT_S:.0f} s"
    return Group(
        name=name, cores=max(work), total_s=sum(work), waits_s=worst_wait(work, n), processes=n + 1, why=reason
    )


def gateways(users: float, said: People, costs: Costs) -> tuple[Group, dict[str, float]]:
    """The gateways of so many users while a provider is out."""
    asked_hz = users * said.active / said.asks_s
    each_us = costs.stream_gateway_us + max(0, said.tokens - 10) * costs.chunk_us
    cores = asked_hz * (each_us + (said.tries - 1) * costs.request_gateway_us) / 1e6
    n = math.ceil(cores / USABLE)
    shared_n = min(users * said.active, asked_hz * 60 / (n + 1))
    told_bytes, take_us = shared(int(shared_n))
    facts = {
        "asked_hz": asked_hz,
        "streams_open": asked_hz * said.stream_s,
        "told_mb_s": told_bytes * 4 * (n + 1) / 1e6,
        "heard_mb_s_each": told_bytes * 4 * n / 1e6,
        "heard_core_each": take_us * 4 * n / 1e6,
    }
    return Group(name="gateway", cores=cores, total_s=cores * HOUR_S, processes=n + 1, why="processor"), facts


def shared(users: int) -> tuple[float, float]:
    """What a replica tells of so many users each quarter of a second: bytes, and µs to take it in. Measured now."""
    from time import process_time

    from stillup.gateway.shared.words import Asked, pack, unpack

    told = [
        Asked(users={f"user-{n:06d}": 3 for n in range(at, min(at + 5_000, users))}) for at in range(0, users, 5_000)
    ]
    packed = [pack(word) for word in told]
    rounds, began_s = 20, process_time()
    for _ in range(rounds):
        for value in packed:
            unpack(value, Asked)
    return float(sum(map(len, packed))), (process_time() - began_s) / rounds * 1e6


def report(people: float, users: float, said: People, costs: Costs, seed: int) -> None:
    """The whole, as a table."""
    web, hub, opened = hour(people, said, costs, Random(seed))
    most_open = max(opened)
    floor = math.ceil(most_open / READERS_EACH)
    pages = least("web", web, floor, f"{READERS_EACH:,} open pages each")
    desks = least("hub", hub)
    front, facts = gateways(users, said, costs)
    looks = people * said.look
    peak_reports = max(hub) / costs.report_hub_us * 1e6
    print(f"{people:,.0f} people, {looks:,.0f} look, {looks * said.report:,.0f} report; {most_open:,.0f} pages open")
    print(f"{users:,.0f} gateway users, {facts['asked_hz']:,.0f} requests/s, {facts['streams_open']:,.0f} streams\n")
    print("| processes | how many (one may die) | busiest second, cores | core-hours | longest wait, s | why |")
    print("|---|---|---|---|---|---|")
    for group in (pages, desks, front):
        hours = f"{group.cores:.2f} | {group.total_s / HOUR_S:.3f} | {group.waits_s:.2f}"
        print(f"| {group.name} | {group.processes} | {hours} | {group.why} |")
    minute_s = costs.minute_ms / 1e3
    print(f"| monitor | 2 | {minute_s:.2f} | {minute_s * 60 / HOUR_S:.4f} | 0.00 | one judges, one stands by |")
    kinds_kb = costs.key_bytes_s * said.kinds * desks.processes / 1e3
    print(f"\nbus, reports: {kinds_kb:,.0f} KB/s ({said.kinds} kinds at {desks.processes} desks), for")
    taken = peak_reports * costs.report_nats_us / 1e4
    print(f"  {peak_reports:,.0f} reports/s, of which NATS takes {taken:.1f} % of a core")
    heard = f"{facts['heard_mb_s_each']:.2f} MB/s heard by each"
    print(f"bus, users of gateways: {facts['told_mb_s']:.2f} MB/s told, {heard},")
    print(f"  {100 * facts['heard_core_each']:.1f} % of its core")
    burst_s = max(work for work in web) / (pages.processes - 1)
    network, told = (most_open * size * 8 / 0.7 / 1e9 for size in (costs.page_bytes, costs.told_bytes))
    print(f"web, a change: {most_open:,.0f} pages taken anew: {burst_s:.2f} s of each, {network:.1f} Gbit/s for 0.7 s")
    # A front is asked by the number of the event, which each page process gives by itself.
    at_pages = pages.processes * costs.page_bytes / 1e3
    print(f"  behind a front that keeps pages: {pages.processes} of them reach the pages ({at_pages:,.0f} KB);")
    print(f"  who listens is told {told:.1f} Gbit/s for as long, by the pages themselves")
    memory = pages.processes * costs.web_mb + most_open * costs.reader_kb / 1e3
    print(f"memory: pages {memory / 1e3:.1f} GB, gateways {front.processes * costs.gateway_mb / 1e3:.1f} GB")


def ordinary_day(services: int, asks: float) -> None:
    """What an ordinary day leaves behind, in earnest: what `bench/cluster/day.py` holds against what is there."""
    from datetime import UTC, datetime

    from cluster.sizes import sizes
    from kept import LOG_KEPT_H, Volume, kept

    said = Volume(services=services, partitions=services, asks=asks, gather_s=0.2, tell_s=1.0)
    found = kept(0, 24, said, sizes(datetime(2026, 4, 7, tzinfo=UTC), said))
    rate = f"{said.quiet:g} reports a minute, {said.loud:g} in each {said.loud_each_h}th hour"
    print(f"{services} services, {asks:g} requests a minute, {rate}")
    log, disk, signals = (found[name] / 1e6 for name in ("log", "log_disk", "signals"))
    print(f"logs, {LOG_KEPT_H} h of them: {log:.1f} MB, at most {disk:.1f} MB on each NATS server's disk")
    print(f"signals: {signals:.1f} MB a day in PostgreSQL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=float, default=10e6)
    parser.add_argument("--gateway-users", type=float, default=1e5)
    parser.add_argument("--look", type=float, help="the share of people who come to the page")
    parser.add_argument("--costs", type=Path, help="figures of bench/cluster/cost.py --json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--day", type=int, metavar="SERVICES", help="what an ordinary day of so many services keeps")
    parser.add_argument("--asks", type=float, default=12.0, help="requests a minute to all gateways, with --day")
    args = parser.parse_args()
    if args.day:
        ordinary_day(args.day, args.asks)
        return
    known = {field.name for field in msgspec.structs.fields(Costs)}
    told = json.loads(args.costs.read_text()) if args.costs else {}
    costs = Costs(**{name: value for name, value in told.items() if name in known})
    said = People() if args.look is None else People(look=args.look)
    report(args.people, args.gateway_users, said, costs, args.seed)


if __name__ == "__main__":
    main()
