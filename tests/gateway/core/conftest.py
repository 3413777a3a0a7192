"""A desk played by hand: time moves when a test says so, upstreams fail as it says."""

from __future__ import annotations

from random import Random

import pytest

from stillup.gateway.core.desk import Choice, Desk, DeskSettings, Facts, Turn
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.core.views import Prior, Try
from stillup.model.service import Confidence, State


class NoJitter(Random):
    """The middle of every range, so that timelines are exact; one test looks at the jitter itself."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class View:
    """What a test says is known from outside, by service; counts how often it is asked."""

    def __init__(self) -> None:
        self.says: dict[str, Prior] = {}
        self.asked: list[tuple[str, str, str]] = []

    def prior(self, service: str, component: str, model: str) -> Prior:
        self.asked.append((service, component, model))
        return self.says.get(service, Prior(state=State.OPERATIONAL))

    def out(self, service: str) -> None:
        self.says[service] = Prior(State.MAJOR_OUTAGE, Confidence.CONFIRMED, 0.99, "all families agree")

    def suspect(self, service: str) -> None:
        self.says[service] = Prior(State.PARTIAL_OUTAGE, Confidence.SUSPECTED, 0.6, "the crowd says so")

    def well(self, service: str) -> None:
        self.says[service] = Prior(State.OPERATIONAL)


class Play:
    """A chain of upstreams named by letters, each of its own service, and the time in seconds."""

    def __init__(self, names: str = "ab", **settings: float) -> None:
        self.view = View()
        self.desk = Desk(DeskSettings(**settings), self.view, NoJitter())
        self.now = 1000.0
        self.names = names
        self.key = "k1"

    def chain(self, names: str = "", model: str = "m") -> tuple[Target, ...]:
        return tuple(Target(name, model, Protocol.ANTHROPIC, name, "api") for name in names or self.names)

    def choose(
        self,
        names: str = "",
        *,
        model: str = "m",
        operation: Operation = Operation.GENERATE,
        stream: bool = True,
        tokens: int = 0,
    ) -> Choice:
        facts = Facts(operation, model, stream, tokens=tokens)
        chain = self.chain(names, model)
        return self.desk.choose(chain, facts, dict.fromkeys(names or self.names, self.key), self.now)

    def start(self, names: str = "", **facts: object) -> Turn:
        """Choose, and begin the first turn."""
        turn = self.choose(names, **facts).turns[0]
        self.desk.begin(turn, self.now)
        return turn

    def result(self, turn: Turn, fault: Fault | None = None, **more: object) -> Try:
        took = self.now - turn.began
        first = {"first_token_s": took} if fault is None and "first_token_s" not in more else {}
        return Try(
            target=turn.target,
            model=turn.model,
            operation=turn.cell.operation,
            ok=fault is None,
            fault=fault,
            total_s=took,
            **first,
            **more,
        )

    def good(self, turn: Turn, after: float = 0.0, **more: object) -> None:
        self.now += after
        gap = more.pop("longest_gap_s", None)
        self.desk.settled(turn, self.result(turn, **more), self.now, longest_gap_s=gap)

    def bad(self, turn: Turn, fault: Fault, after: float = 0.0, **more: object) -> None:
        self.now += after
        wait = more.pop("retry_after_s", None)
        self.desk.settled(turn, self.result(turn, fault, **more), self.now, retry_after_s=wait)

    def ask(self, failing: dict[str, Fault] | None = None, names: str = "", took: float = 0.1, **facts: object) -> str:
        """One request played to its end: the names asked, in order; the last one answered, unless all failed."""
        asked = ""
        choice = self.choose(names, **facts)
        for turn in choice.turns:
            self.desk.begin(turn, self.now)
            asked += turn.target.upstream
            fault = (failing or {}).get(turn.target.upstream)
            if fault is None:
                self.good(turn, took)
                for other in choice.turns:
                    if other is not turn:
                        self.desk.abandoned(other)
                return asked
            self.bad(turn, fault, took)
        return asked + "!"

    def wait(self, seconds: float) -> Play:
        self.now += seconds
        return self

    def first(self, names: str = "", **facts: object) -> tuple[str, str]:
        """Who would be asked now, and why; nothing is begun."""
        choice = self.choose(names, **facts)
        for turn in choice.turns:
            self.desk.abandoned(turn)
        return choice.turns[0].target.upstream, choice.why.value


@pytest.fixture(scope="session")
def play() -> type[Play]:
    return Play


@pytest.fixture(scope="session")
def no_jitter() -> Random:
    return NoJitter()
