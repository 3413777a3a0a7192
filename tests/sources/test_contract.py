"""What every source owes: good answers give sane signals, everything else gives an error, and no key is ever shown."""

import json
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from stillup.errors import NotConfigured, SourceError
from stillup.model.service import State
from stillup.model.signal import Alive, Declared, Signal
from stillup.registry import SOURCES, load_source, usable_sources
from stillup.sources.base import HttpSource

FIXTURES = Path(__file__).parents[1] / "fixtures"
USABLE = [spec.id for spec in usable_sources()]


def _reader(source_id: str) -> object | None:
    """The source when it reads bytes. One that cannot be loaded is named by a test; here it has nothing to read."""
    try:
        source = load_source(source_id)
    except ImportError:
        return None
    return source if hasattr(source, "parse") else None


READERS = {i: source for i in USABLE if (source := _reader(i))}
HTTP = {i: s for i, s in READERS.items() if isinstance(s, HttpSource)}


def _files(kind: str) -> list[Path]:
    return [f for i in READERS for f in sorted((FIXTURES / i).glob(f"{kind}*.*"))]


def _tag(path: Path) -> str:
    return path.stem.partition("-")[2]


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _http(files: list[Path]) -> list[Path]:
    return [f for f in files if f.parent.name in HTTP]


ANSWERS = _files("good") + _files("outage") + _files("quiet")
HTTP_ANSWERS = _http(ANSWERS)
each_answer = pytest.mark.parametrize("path", HTTP_ANSWERS, ids=_id)
GOOD = _http(_files("good"))
each_good = pytest.mark.parametrize("path", GOOD, ids=_id)
each_source = pytest.mark.parametrize("source_id", HTTP)


# -- what to expect ---------------------------------------------------------------------------------------------------


def check_sane(reading, ctx) -> None:
    """Signals that the rest of the program, and a replay file, can take; texts that a terminal can."""
    for signal in reading.signals:
        assert msgspec.json.decode(msgspec.json.encode(signal), type=Signal) == signal
        assert signal.at <= ctx.now
        assert signal.service == ctx.service.id
        assert signal.source in SOURCES
        if isinstance(signal, Declared):
            for text in (signal.title, signal.body, signal.component, signal.incident, signal.model):
                assert text is None or text.isprintable()
    assert reading.says.isprintable()
    assert len(reading.says) <= 400
    for link in reading.links:
        assert re.fullmatch(r"https?://[!-~]+", link.url)
        assert link.title.isprintable()
    assert "sk-DUMMY" not in repr(reading)


def is_calm(reading) -> bool:
    return any(isinstance(s, Alive) or getattr(s, "state", None) is State.OPERATIONAL for s in reading.signals)


def read_or_refuse(source, body, ctx, tag):
    """A sane reading, or None where the source refuses the answer; anything else it may raise fails the test."""
    try:
        reading = source.parse(body, ctx, tag)
    except SourceError as exc:
        refusal = exc
    else:
        check_sane(reading, ctx)
        return reading
    assert "sk-DUMMY" not in "".join(traceback.format_exception(refusal)) + repr(refusal.__context__)
    assert 0 < len(str(refusal)) < 400
    assert str(refusal).isprintable()
    return None


def tags_of(source_id: str) -> list[str]:
    return sorted({"", *(_tag(f) for f in ANSWERS if f.parent.name == source_id)})


# -- the registry -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source_id", USABLE)
def test_every_source_of_the_registry_loads_and_bears_its_id(source_id):
    assert load_source(source_id).id == source_id


@pytest.mark.parametrize("kind", ["good", "quiet", "outage"])
@pytest.mark.parametrize("source_id", READERS)
def test_every_source_has_a_good_a_quiet_and_an_outage_answer(source_id, kind):
    assert list((FIXTURES / source_id).glob(f"{kind}*.*"))


# -- answers in the right format --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", _files("good") + _files("outage"), ids=_id)
def test_a_good_answer_gives_sane_signals(path, context):
    source, ctx = READERS[path.parent.name], context()
    reading = source.parse(path.read_bytes(), ctx, _tag(path))
    assert reading.signals
    assert reading.says
    check_sane(reading, ctx)


@pytest.mark.parametrize("path", _files("quiet"), ids=_id)
def test_a_quiet_answer_says_alive_and_names_no_fault(path, context):
    ctx = context()
    reading = READERS[path.parent.name].parse(path.read_bytes(), ctx, _tag(path))
    check_sane(reading, ctx)
    assert any(isinstance(s, Alive) and s.at == ctx.now for s in reading.signals)
    assert not [s for s in reading.signals if isinstance(s, Declared) and s.state.is_fault]


@each_answer
def test_reading_the_same_answer_twice_gives_the_same(path, context):
    source, body, tag = HTTP[path.parent.name], path.read_bytes(), _tag(path)
    assert source.parse(body, context(), tag) == source.parse(body, context(), tag)


# -- answers that are no answers --------------------------------------------------------------------------------------


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "blank", b" \n\t "
    yield "null", b"null"
    yield "object", b"{}"
    yield "list", b"[1]"
    yield "string", b'"up"'
    yield "tag", b"<a/>"
    yield "html", b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>operational</body></html>"
    yield "plain html", b"<html><body><p>operational</p></body></html>"
    yield "ten megabytes", b"x" * (10 << 20)
    yield "ten megabytes of json", b'{"page": "' + b"x" * (10 << 20) + b'"}'
    yield "deep json", b"[" * 100_000
    yield "deep json objects", b'{"data":' * 100_000
    yield "closed deep json", b"[" * 50_000 + b"]" * 50_000
    yield "deep xml", b"<feed>" * 100_000
    yield "zeros", b"\x00" * 1000
    yield "nan", b"NaN"
    yield "error object", b'{"error": true, "message": "no"}'


@pytest.mark.parametrize(("_name", "body"), [pytest.param(n, b, id=n) for n, b in _bombs()])
@each_source
def test_garbage_is_refused(source_id, _name, body, context):
    for tag in tags_of(source_id):
        assert read_or_refuse(HTTP[source_id], body, context(), tag) is None


@each_answer
def test_an_answer_cut_short_is_refused(path, context):
    body = path.read_bytes().rstrip()
    for twentieth in range(20):
        cut = body[: len(body) * twentieth // 20]
        assert read_or_refuse(HTTP[path.parent.name], cut, context(), _tag(path)) is None
    assert read_or_refuse(HTTP[path.parent.name], body[:-1], context(), _tag(path)) is None


@each_answer
def test_an_answer_in_another_encoding_is_refused_or_read_alike(path, context):
    source, body, tag = HTTP[path.parent.name], path.read_bytes(), _tag(path)
    for encoding in ("utf-16", "utf-16-be", "utf-32"):
        reading = read_or_refuse(source, body.decode().encode(encoding), context(), tag)
        assert reading is None or reading == source.parse(body, context(), tag)
    # One Latin-1 letter in the last place where a text can stand.
    place = [m.end() - 1 for m in re.finditer(rb"[a-z]{3}", body)][-1]
    assert read_or_refuse(source, body[:place] + b"\xe9" + body[place:], context(), tag) is None


ALIKE = (
    ({"statuspage", "atom"}, ".xml"),
    ({"azure", "rss"}, ".xml"),
    ({"google_cloud", "google_workspace"}, ".json"),
)
"""Sources that speak one format: whose page it is, is told by the address alone."""


def _is_foreign(source_id: str, path: Path) -> bool:
    pair = {source_id, path.parent.name}
    return len(pair) == 2 and not any(pair == alike and path.suffix == suffix for alike, suffix in ALIKE)


FOREIGN = [pytest.param(i, f, id=f"{i}-{_id(f)}") for i in HTTP for f in HTTP_ANSWERS if _is_foreign(i, f)]


@pytest.mark.parametrize(("source_id", "path"), FOREIGN)
def test_another_platforms_answer_is_never_calm(source_id, path, context):
    for tag in tags_of(source_id):
        reading = read_or_refuse(HTTP[source_id], path.read_bytes(), context(), tag)
        assert reading is None or not is_calm(reading)


@pytest.mark.parametrize("root", ["feed", "rss"])
@each_source
def test_entities_are_neither_expanded_nor_fetched(source_id, root, context, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-in-a-file")
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10))
    for dtd, use in ((laughs, "&l9;"), (f'<!ENTITY x SYSTEM "{secret.as_uri()}">', "&x;")):
        entry = f"<entry><title>{use}</title></entry><channel><item><title>{use}</title></item></channel>"
        head = f'<?xml version="1.0"?><!DOCTYPE {root} [{dtd}]>'
        body = f'{head}<{root} xmlns="http://www.w3.org/2005/Atom"><title>{use}</title>{entry}</{root}>'
        for tag in tags_of(source_id):
            assert read_or_refuse(HTTP[source_id], body.encode(), context(), tag) is None


# -- answers in the right format that mean harm -----------------------------------------------------------------------

HOSTILE = (
    "\x1b]0;owned\x07\x1b[31mred\u202e\u2066<script>alert('x')</script>\u200b[bold]",
    "x" * 60_000,
    "<!--" * 5_000,
    "",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
    10**30,
    -1,
    1e308,
    True,
    None,
    [],
    {},
)


def _leaves(value: object, at: tuple = ()) -> Iterator[tuple]:
    """The path of every value inside, containers included, the first of each list."""
    yield at
    children = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, child in children:
        yield from _leaves(child, (*at, key))


def _with(value: object, at: tuple, new: object) -> object:
    """A copy of the value, with another one at that path."""
    if not at:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[at[0]] = _with(value[at[0]], at[1:], new)
    return changed


@pytest.mark.parametrize("path", [f for f in GOOD if f.suffix == ".json"], ids=_id)
def test_any_value_of_a_json_answer_may_be_hostile(path, context):
    good, ctx = json.loads(path.read_bytes()), context()
    for at in _leaves(good):
        for value in HOSTILE:
            body = json.dumps(_with(good, at, value)).encode()
            read_or_refuse(HTTP[path.parent.name], body, ctx, _tag(path))


def _places(root: etree._Element) -> list[int]:
    """The number, in document order, of the first element of each path of names."""
    first: dict[str, int] = {}
    for number, node in enumerate(root.iter()):
        first.setdefault("/".join(n.tag for n in (*reversed(list(node.iterancestors())), node)), number)
    return list(first.values())


@pytest.mark.parametrize("path", [f for f in GOOD if f.suffix == ".xml"], ids=_id)
def test_any_text_of_an_xml_answer_may_be_hostile(path, context):
    source, ctx, body, tag = HTTP[path.parent.name], context(), path.read_bytes(), _tag(path)
    for number in _places(etree.fromstring(body)):
        for value in (re.sub(r"[\x00-\x1f]", "", v) for v in HOSTILE if isinstance(v, str)):
            root = etree.fromstring(body)
            node = list(root.iter())[number]
            node.text = value
            for name in node.attrib:
                node.attrib[name] = value
            read_or_refuse(source, etree.tostring(root), ctx, tag)
        root = etree.fromstring(body)
        node = list(root.iter())[number]
        if node is not root:
            node.getparent().remove(node)
            read_or_refuse(source, etree.tostring(root), ctx, tag)


@each_good
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_spliced_answer_is_refused_or_sane(path, context, data):
    body = path.read_bytes()
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    spliced = body[:start] + data.draw(st.binary(max_size=12)) + body[end:]
    read_or_refuse(HTTP[path.parent.name], spliced, context(), _tag(path))


@each_source
@settings(max_examples=30, deadline=None)
@given(body=st.binary(max_size=300))
def test_noise_is_refused(source_id, context, body):
    # Nothing but a list without an entry is what AWS says when all is well, in any coding: no noise.
    assume(body.strip(b"\xff\xfe\x00 \t\r\n[]"))
    for tag in tags_of(source_id):
        reading = read_or_refuse(HTTP[source_id], body, context(), tag)
        assert reading is None or not is_calm(reading)


# -- keys -------------------------------------------------------------------------------------------------------------


@each_source
def test_no_key_is_shown_by_requests_or_context(source_id, context, key):
    ctx = context(base_url="http://127.0.0.1:9")
    requests = HTTP[source_id].requests(ctx)
    assert requests
    for shown in (repr(requests), str(requests), f"{requests}", repr(ctx), *(r.url for r in requests)):
        assert key not in shown
    assert key not in repr([r.params for r in requests])


@pytest.mark.parametrize("source_id", [i for i in HTTP if SOURCES[i].key_required])
def test_a_source_that_needs_a_key_says_so_when_it_has_none(source_id, context):
    with pytest.raises(NotConfigured, match=SOURCES[source_id].key_env):
        HTTP[source_id].requests(context(key=False))


@each_source
def test_requests_stay_below_the_base_url_the_user_gave(source_id, context):
    for request in HTTP[source_id].requests(context(base_url="http://127.0.0.1:9000/base")):
        assert request.url.startswith("http://127.0.0.1:9000/base/")
