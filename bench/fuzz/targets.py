"""What is fuzzed: everything that reads bytes of a stranger's, each with the errors it owes for bytes that are none."""

from __future__ import annotations

import atexit
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from stillup.errors import StillupError

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures"
NOW = datetime(2026, 4, 28, 18, 0, tzinfo=UTC)
_DIGEST_BYTES = 16
_KEPT = 200_000
"""Longer seeds teach a fuzzer nothing that shorter ones do not."""

Run = Callable[[bytes], None]


class Target(NamedTuple):
    """``run`` reads bytes; what it raises besides ``owed`` is a crash. ``seeds`` are bytes that it should take."""

    run: Run
    owed: tuple[type[BaseException], ...]
    seeds: tuple[bytes, ...]


def _folder() -> Path:
    """A folder of its owner's alone, gone with this process."""
    made = tempfile.TemporaryDirectory(prefix="stillup-fuzz-")
    atexit.register(made.cleanup)
    return Path(made.name)


def _fixtures(folder: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes()[:_KEPT] for path in sorted((FIXTURES / folder).glob("*")) if path.is_file())


# -- sources ----------------------------------------------------------------------------------------------------------


def _source(name: str) -> Target:
    from stillup.catalog.load import find_service
    from stillup.registry import load_source
    from stillup.sources.base import Context, Setting

    source: Any = load_source(name)
    ctx = Context(now=NOW, service=find_service("claude"), setting=Setting())
    tags = tuple(dict.fromkeys(["", *(p.stem.partition("-")[2] for p in (FIXTURES / name).glob("*-*"))]))

    def run(data: bytes) -> None:
        for tag in tags:
            with suppress(StillupError):
                source.parse(data, ctx, tag)

    return Target(run, (), _fixtures(name))


def _sources() -> Iterator[tuple[str, Callable[[], Target]]]:
    from stillup.registry import load_source, usable_sources

    for spec in usable_sources():
        if hasattr(load_source(spec.id), "parse"):
            yield f"source-{spec.id}", partial(_source, spec.id)


def _candidates() -> Target:
    from stillup.sources.pages.recognise import candidates

    def run(data: bytes) -> None:
        list(candidates("https://status.example.org", data))

    page = b'<html><head><link type="application/atom+xml" href="/history.atom"></head><body>Status</body></html>'
    return Target(run, (), (page, *_fixtures("statuspage")))


# -- files of our own and of strangers --------------------------------------------------------------------------------


def _text(read: Callable[[str], object], owed: tuple[type[BaseException], ...], *seeds: str) -> Target:
    return Target(lambda data: void(read(data.decode("utf-8", "replace"))), owed, tuple(s.encode() for s in seeds))


def void(_: object) -> None:
    """Reading is all that is wanted."""


def _config() -> Target:
    from stillup.config import parse_config

    seed = (
        'services = ["claude"]\n[sources.statuspage]\ninterval_s = 60\n[web]\nlisten = "127.0.0.1:8780"\n'
        '[[gateway.upstreams]]\nid = "a"\nprotocol = "anthropic"\nbase_url = "http://127.0.0.1:1"\n'
        '[[gateway.routes]]\nmatch = "*"\nchain = ["a/claude-opus"]\n'
    )
    return _text(parse_config, (StillupError,), seed)


def _scenario() -> Target:
    from stillup.sim.load import names, parse

    folder = Path(__file__).parents[2] / "src" / "stillup" / "sim" / "scenarios"
    seeds = [(folder / f"{name}.toml").read_text() for name in names() if (folder / f"{name}.toml").exists()]
    return _text(lambda text: parse(text, "x"), (StillupError,), *seeds[:3])


def _front() -> Target:
    from stillup.kit.front import read_entry

    return _text(
        lambda t: read_entry("x", t), (), "---\ntitle: x\ntags: [a, b]\nvariables:\n  a: b\n---\n# x {{a|b}}\n"
    )


def _plan() -> Target:
    from stillup.daemon.plan.steps import _steps, front_of

    def read(text: str) -> None:
        front_of(text)
        _steps(text, Path("x.md"))

    return _text(read, (StillupError,), "---\nplan: x\nservice: claude\n---\n## Down <!-- level: down -->\n- [ ] ask\n")


def _markdown() -> Target:
    from stillup.web.markdown import as_it_is, render_markdown

    def read(text: str) -> None:
        for shown in (render_markdown(text), as_it_is(text)):
            low = shown.lower()
            bad = [word for word in ("<script", "<iframe", " onerror=", ' href="javascript:', "<style") if word in low]
            if bad:
                raise AssertionError(bad)

    return _text(
        read, (), "# x\n**b** [a](http://x) ![i](u) `c`\n```py\nx\n```\n| a |\n|-|\n| b |\n", "[x](javascript:1)"
    )


def _replay() -> Target:
    from stillup.config import parse_config
    from stillup.daemon.jobs import forecaster, profile_of, settings_of
    from stillup.verdict.monitor import Monitor
    from stillup.verdict.replay import Replay

    settings = settings_of(parse_config(""))

    def run(data: bytes) -> None:
        for _ in Replay(Monitor(profile_of, settings, forecaster())).run(data.splitlines(keepends=True)[:50]):
            pass

    line = b'{"kind":"%s","service":"claude","source":"x","at":"2026-04-28T18:00:00Z"%s}\n'
    seeds = (
        line % (b"counted", b',"count":12,"window_s":60'),
        line % (b"declared", b',"state":"major_outage","title":"x"'),
        line % (b"tried", b',"outcome":"ok","ms":12.5') + line % (b"alive", b""),
    )
    return Target(run, (StillupError,), seeds)


def _checkpoint() -> Target:
    from stillup.config import parse_config
    from stillup.daemon.jobs import forecaster, profile_of, settings_of
    from stillup.verdict.checkpoint import save as saving
    from stillup.verdict.monitor import Monitor

    settings = settings_of(parse_config(""))

    def fresh() -> Monitor:
        return Monitor(profile_of, settings, forecaster())

    def run(data: bytes) -> None:  # a digest that fits: what lies behind it is what is looked at
        saving.load(whole[:head] + blake2b(data, digest_size=_DIGEST_BYTES).digest() + data, fresh(), settings)

    whole = saving.save(fresh(), settings)
    head = whole.index(b"\n") + 1
    return Target(run, (StillupError,), (whole[head + _DIGEST_BYTES :],))


def _journal() -> Target:
    from stillup.gateway.journal.names import Names
    from stillup.gateway.journal.read import read_segment
    from stillup.gateway.journal.segment import begin_segment, segments

    folder = _folder()
    begin_segment(folder, 1_777_000_000.0, Names()).close()
    seed = segments(folder)[0].read_bytes()
    at = folder / "fuzzed"

    def run(data: bytes) -> None:
        at.write_bytes(data)
        for _, exchange in read_segment(at):
            exchange.answer()

    return Target(run, (StillupError,), (seed,))


def _importer(name: str) -> Target:
    from stillup.vault.importing import importers

    importer = next(i for i in importers() if i.name == name)
    folder = _folder()
    suffixes = (".json", ".jsonl", ".html", ".md", ".txt", ".zip", ".mhtml", ".tgz")
    at = [folder / f"conversations{suffix}" for suffix in suffixes]

    def run(data: bytes) -> None:
        path = at[data[0] % len(at)] if data else at[0]
        path.write_bytes(data[1:])
        importer.recognises(path)
        for each in importer.read(path):
            if isinstance(each.what, tuple):
                for _ in each.what[1]:
                    pass

    archives = tuple(bytes([7]) + _archive(seed, how) for _, seed in _EXPORTS[:2] for how in ("w", "w:gz"))
    return Target(run, (), (*(bytes([n]) + seed for n, seed in _EXPORTS), *archives))


def _archive(data: bytes, how: Literal["w", "w:gz"]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=how) as file:
        info = tarfile.TarInfo("conversations.json")
        info.size = len(data)
        file.addfile(info, io.BytesIO(data))
    return packed.getvalue()[: 4 * 512 if how == "w" else None]


_EXPORTS = (
    (0, b'[{"uuid":"a","name":"x","chat_messages":[{"uuid":"b","sender":"human","text":"hi"}]}]'),
    (0, b'[{"title":"x","mapping":{"a":{"id":"a","message":{"author":{"role":"user"},"content":{"parts":["hi"]}}}}}]'),
    (1, b'{"type":"user","sessionId":"a","uuid":"b","message":{"role":"user","content":"hi"}}\n'),
    (1, b'{"type":"session_meta","payload":{"id":"a"}}\n{"type":"response_item","payload":{"role":"user"}}\n'),
    (0, b'[{"header":"Gemini Apps","title":"Prompted hi","time":"2026-01-01T00:00:00Z","products":["Gemini Apps"]}]'),
    (2, b'<div class="outer-cell mdl-cell"><p>Gemini Apps</p><div>Prompted hi<br>1 Jan 2026, 10:00:00 UTC</div></div>'),
    (2, b'<title>x - Claude</title><div data-message-author-role="user">hi</div>'),
    (0, b'{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"x"}]}]}'),
    (3, b"# x\n\n**You:** hi\n\n**Claude:** hello\n"),
)


def _importers() -> Iterator[tuple[str, Callable[[], Target]]]:
    from stillup.vault.importing import importers

    for importer in importers():
        yield f"import-{importer.name}", partial(_importer, importer.name)


# -- the bus ----------------------------------------------------------------------------------------------------------


def _records() -> Target:
    from stillup.daemon.cluster.records import Heard, Minute, pack, unpack

    minute = pack(Minute(at=NOW, owner="a", fence=1))
    return Target(lambda data: void(unpack(data)), (StillupError,), (minute, pack(Heard(by="a", signals=()))))


def _words() -> Target:
    import zlib

    from stillup.daemon.cluster.publish import Word, pack, unpack, unpack_board

    def run(data: bytes) -> None:
        for value in (data, zlib.compress(data, 1)):  # the fuzzer need not find out how to deflate
            for read in (unpack, unpack_board):
                with suppress(StillupError):
                    _ = NOW - read(value).at

    word = pack(Word(at=NOW, service="claude", fence=1, verdicts=(), evidence=(), seq=1))
    return Target(run, (), (word, zlib.decompress(word)))


def _beats() -> Target:
    from stillup.daemon.roles.beat import unpack

    seed = msgspec.msgpack.encode({"replica": "a", "life": "b", "role": "web", "since": NOW, "version": "1"})

    def run(data: bytes) -> None:
        beat = unpack(data)
        _ = NOW - beat.since

    return Target(run, (StillupError,), (seed,))


def _gateways() -> Target:
    from stillup.gateway.shared.words import Asked, Health, Spent, pack, unpack

    def run(data: bytes) -> None:
        with suppress(StillupError):
            unpack(data, Health)
        with suppress(StillupError):
            unpack(data, Asked)
        with suppress(StillupError):
            unpack(data, Spent)

    return Target(
        run, (), (pack(Health()), pack(Asked(users={"a": 1})), pack(Spent(day="2026-01-01", users={"a": 1.0})))
    )


def _hubs() -> Target:
    from stillup.hub.notes import pack, unpack
    from stillup.hub.partial import Grounds, grounds_of
    from stillup.hub.sketch import heard_twice

    def run(data: bytes) -> None:
        with suppress(StillupError):
            unpack(data)
        with suppress(StillupError):
            heard_twice([data, grounds_of(data).alone])

    return Target(run, (), (pack(1, "hub-1", []), Grounds(1, (1, 2, 3)).pack()))


# -- all of them ------------------------------------------------------------------------------------------------------


@cache
def targets(*, with_sources: bool = True) -> dict[str, Callable[[], Target]]:
    """Every target by its name, to be made when it is run."""
    from fuzz.wire import wires

    named: dict[str, Callable[[], Target]] = {
        "page-candidates": _candidates,
        "config": _config,
        "scenario": _scenario,
        "kit-front": _front,
        "plan": _plan,
        "markdown": _markdown,
        "replay": _replay,
        "checkpoint": _checkpoint,
        "journal": _journal,
        "bus-records": _records,
        "bus-words": _words,
        "bus-beats": _beats,
        "bus-gateways": _gateways,
        "bus-hubs": _hubs,
    }
    loaded = [*_sources(), *_importers()] if with_sources else []
    return dict([*loaded, *named.items(), *wires()])


def target_of(name: str) -> Callable[[], Target] | None:
    """The one of that name; the others are not even loaded."""
    if name.startswith("source-"):
        return partial(_source, name.removeprefix("source-"))
    if name.startswith("import-"):
        return partial(_importer, name.removeprefix("import-"))
    return targets(with_sources=False).get(name)


def tried(target: Target, data: bytes) -> None:
    """Read it; what is owed is fine."""
    with suppress(*target.owed):
        target.run(data)
