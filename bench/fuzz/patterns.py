"""Every compiled pattern of the tree, timed on strings made to be hard for it.

    python bench/fuzz/patterns.py [--size 50000] [--worst 20]

The strings come out of the pattern's own parse: up to a repetition what it asks for, the repeated part over and over,
then something that does not fit. Each is matched as the code does it: at one place, or from every place. What grows
with the square of its length shows; what grows faster is given up after :data:`GIVE_UP_S` and counts as a blow-up.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeAlias

import stillup

GIVE_UP_S = 5.0
"""CPU seconds for one string."""
_MANY = 20
"""A repetition with a lower bound above is none worth repeating."""
_TRIED = " a0\n\t-_.\"'\\/:;,(<[{!A\u00e9`#*=+~\r$"
_ENDS = ("", "\x00", "!", "\n\x00")

Node: TypeAlias = Any
"""A piece of a parsed pattern, for which the standard library has no type."""
Pattern: TypeAlias = re.Pattern[Any]
Items: TypeAlias = Iterable[tuple[Node, Node]]
c: Node = importlib.import_module("re._constants")
compiler: Node = importlib.import_module("re._compiler")
parser: Node = importlib.import_module("re._parser")


class Found(NamedTuple):
    """A pattern and the module that has it. ``anywhere``: it is looked for from every place, not matched at one."""

    module: str
    pattern: Pattern
    anywhere: bool = True


class Timed(NamedTuple):
    """How long a pattern took for its worst string; infinite where it was given up."""

    seconds: float
    found: Found
    text: str


class TooLong(Exception):
    """A pattern was given up."""


def patterns() -> list[Found]:
    """Every pattern that a module of the package compiles when it is imported, each once.

    Call it before any of them is imported: what was compiled by then is not seen.
    """
    seen: dict[tuple[Any, int], Found] = {}
    compiled = re.compile

    def noted(pattern: Node, flags: int = 0) -> Pattern:
        made: Pattern = compiled(pattern, flags)
        module = str(sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001 - who compiles it
        if module.startswith("stillup"):
            seen.setdefault((made.pattern, made.flags), Found(module, made))
        return made

    re.compile = noted
    try:
        for module in pkgutil.walk_packages(stillup.__path__, "stillup."):
            if not module.name.endswith(("__main__", ".migrations.env")):
                with suppress(ImportError):  # an extra that is not installed
                    importlib.import_module(module.name)
    finally:
        re.compile = compiled
    return [each._replace(anywhere=_is_searched(each)) for each in seen.values()]


def _is_searched(found: Found) -> bool:
    """Whether its name is ever used otherwise than to match at one place, or nobody knows."""
    module = sys.modules[found.module]
    names = [name for name, value in vars(module).items() if value is found.pattern and name.startswith("_")]
    if not names:
        return True  # others may have it too
    name, text = re.escape(names[0]), inspect.getsource(module)
    usual = re.compile(rf"^{name}\b.*re\.compile|\b{name}\.(?:match|fullmatch)\(", re.MULTILINE)
    return len(re.findall(rf"\b{name}\b", text)) > len(usual.findall(text))


# -- strings ----------------------------------------------------------------------------------------------------------


def _fitting(op: Node, av: Node) -> list[str]:
    """Single characters that an item takes, a few."""
    if op is c.LITERAL:
        return [chr(av)]
    if op is c.NOT_LITERAL:
        return [ch for ch in _TRIED if ord(ch) != av][:3]
    if op is c.ANY:
        return ["a", " ", "0"]
    if op is c.IN:
        spelled = parser.SubPattern(parser.State(), [(op, av)])
        own = [chr(value) for kind, value in av if kind is c.LITERAL] + [
            chr(value[0]) for kind, value in av if kind is c.RANGE
        ]
        takes = _compiled(spelled)
        fits = [ch for ch in (*_TRIED, *own, "\u4e00", "b") if takes(ch)]
        return list(dict.fromkeys(fits))[:6] or ["a"]
    return []


def _compiled(spelled: Node) -> Callable[[str], object]:
    made: Pattern = compiler.compile(spelled)
    return made.fullmatch


def sample(items: Items) -> str:
    """A short string that the items take, as far as that is easily found."""
    text = ""
    for op, av in items:
        if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            text += sample(av[2]) * min(av[0], 50)
        elif op is c.SUBPATTERN:
            text += sample(av[-1])
        elif op is c.ATOMIC_GROUP:
            text += sample(av)
        elif op is c.BRANCH:
            text += sample(av[1][0])
        else:
            text += next(iter(_fitting(op, av)), "")
    return text


def pumps(items: Items, before: str = "") -> Iterator[tuple[str, str]]:
    """For each repetition: what stands before it, and what to repeat."""
    for op, av in items:
        if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            yield from _pumped(av, before)
        elif op is c.SUBPATTERN:
            yield from pumps(av[-1], before)
        elif op is c.ATOMIC_GROUP:
            yield from pumps(av, before)
        elif op is c.BRANCH:
            for way in av[1]:
                yield from pumps(way, before)
        elif op in (c.ASSERT, c.ASSERT_NOT):
            yield from pumps(av[1], before)
        before += sample([(op, av)])


def _pumped(av: Node, before: str) -> Iterator[tuple[str, str]]:
    _, most, body = av
    inner = list(body)
    if most == c.MAXREPEAT or most > _MANY:
        singles = _fitting(*inner[0]) if len(inner) == 1 else []
        for pump in singles or [sample(inner)]:
            if pump:
                yield before, pump
    yield from pumps(inner, before)


def attacks(pattern: Pattern, size: int) -> list[Any]:
    """Strings (or bytes, as the pattern takes them) of about so many characters."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(text, pattern.flags & ~(0 if isinstance(pattern.pattern, str) else re.UNICODE))
    made: dict[str, None] = {}
    for before, pump in dict.fromkeys(pumps(tree)):
        for end in _ENDS:
            made[before + pump * (size // len(pump)) + end] = None
        if before:
            made[before * (size // len(before)) + "\x00"] = None
            made[(before + pump) * (size // (len(before) + len(pump)))] = None
    for one in (sample(tree), "a", " ", "\n"):
        if one:
            made[one * (size // len(one)) + "\x00"] = None
    if isinstance(pattern.pattern, str):
        return list(made)
    return [each.encode("latin-1", "replace") for each in made]


# -- time -------------------------------------------------------------------------------------------------------------


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Give up after so many CPU seconds of this process.

    :raises TooLong: they are over.
    """

    def over(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def worst(found: Found, size: int, give_up_s: float = GIVE_UP_S) -> Timed:
    """The longest of all its strings."""
    slowest = Timed(0.0, found, "")
    for text in attacks(found.pattern, size):
        begun = time.process_time()
        try:
            with limit(give_up_s):
                _ = found.pattern.match(text), found.pattern.fullmatch(text)
                for _ in found.pattern.finditer(text) if found.anywhere else ():
                    pass
        except TooLong:
            return Timed(float("inf"), found, repr(text[:60]))
        took = time.process_time() - begun
        if took > slowest.seconds:
            slowest = Timed(took, found, repr(text[:60]))
    return slowest


def main(arguments: Sequence[str] | None = None) -> int:
    """Time all of them and print the worst; 1 where one blew up."""
    parsed = argparse.ArgumentParser(description="Every pattern on strings made to be hard for it")
    parsed.add_argument("--size", type=int, default=50_000)
    parsed.add_argument("--worst", type=int, default=20)
    options = parsed.parse_args(arguments)
    warnings.simplefilter("ignore")
    timed = sorted((worst(each, options.size) for each in patterns()), reverse=True, key=lambda t: t.seconds)
    print(f"{len(timed)} patterns on strings of {options.size:,} characters; seconds of the worst string of each")
    for each in timed[: options.worst]:
        print(f"{each.seconds:9.3f}  {each.found.module:42}  {each.found.pattern.pattern[:70]!r}\n{'':11}{each.text}")
    return int(any(each.seconds == float("inf") for each in timed))


if __name__ == "__main__":
    sys.exit(main())
