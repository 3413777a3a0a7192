"""What is wrong is told with its line and what is allowed, all of it at once, and without any secret in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.load import catalogue
from stillup.config import parse_config, rules
from stillup.config.read import Reader
from stillup.config.schema import Document
from stillup.config.source_options import SourceOptions, options_type
from stillup.errors import ConfigError
from stillup.registry import SOURCES

UPSTREAM = '[[gateway.upstreams]]\nid = "a"\nprotocol = "openai"\n'
ALL_SERVICES = ", ".join(catalogue())

# The text, the line that is told (or its part), and where.
ONE_BY_ONE = [
    ("servces = []", "1: servces: no such key (did you mean services or sources?); allowed: data, services, "),
    ("services = []", "1: services: is empty; allowed: a list of: a service of the catalogue"),
    ("services = 'claude'", "1: services: is text; allowed: a list of"),
    ("services = ['claud']", f"1: services[0]: is 'claud' (did you mean claude?); allowed: {ALL_SERVICES}"),
    ("services = [\n'claude',\n'openai']", "3: services[1]: is 'openai' (did you mean chatgpt?); allowed: "),
    ("services = ['\\u001b[31m\\n']".replace("'", '"'), "1: services[0]: is '?[31m?'; allowed: "),
    ("data = 3", "1: data: is 3; allowed: a path"),
    ("data = ''", "1: data: is not a path; allowed: a path"),
    ("data = '~no-such-user/x'", "1: data: begins with a ~ for which there is no home folder; allowed: a path"),
    ("data = 2026-04-07", "1: data: is a date or time; allowed: a path"),
    ("web = 3", "1: web: is 3; allowed: a table"),
    ("[web]\n[web.listen]\nport = 1", "2: web.listen: is a table; allowed: `host:port`"),
    (
        "[web]\nport = 80",
        "2: web.port: no such key; allowed: enabled, listen, ",
    ),
    (
        "[web]\ntrusted_proxies = ['10.0.0.0/8', 'proxy']",
        "2: web.trusted_proxies[1]: is 'proxy'; allowed: an address or a network",
    ),
    ("[web]\ntrusted_proxies = ['10.0.0.0/40']", "2: web.trusted_proxies[0]: is '10.0.0.0/40'; allowed: an address"),
    ("sources = []", "1: sources: is a list; allowed: a table for each source"),
    ("sources.reddit = true", "1: sources.reddit: is true; allowed: a table"),
    ("[sources.redit]", "1: sources.redit: no source is called 'redit' (did you mean reddit?); allowed: statuspage, "),
    ("[sources.reddit]\nenabled = 'yes'", "2: sources.reddit.enabled: is text; allowed: true or false"),
    ("[sources.reddit]\nenabled = 1", "2: sources.reddit.enabled: is 1; allowed: true or false"),
    ("[sources.reddit]\ninterval_s = 0", "2: sources.reddit.interval_s: is 0; allowed: a whole number from 1 to 86400"),
    ("[sources.reddit]\ninterval_s = true", "2: sources.reddit.interval_s: is true; allowed: a whole number"),
    ("[sources.reddit]\ninterval_s = 90.5", "2: sources.reddit.interval_s: is 90.5; allowed: a whole number"),
    ("[sources.reddit]\ninterval_s = '90'", "2: sources.reddit.interval_s: is text; allowed: a whole number"),
    ("[sources.reddit]\ndaily_budget = -1", "2: sources.reddit.daily_budget: is -1; allowed: a whole number from 0 "),
    ("[sources.reddit]\ngeo = []", "2: sources.reddit.geo: no such key; allowed: enabled, "),
    ("[sources.reddit]\nkey_env = 'A KEY'", "2: sources.reddit.key_env: is not a variable's name; allowed: the name "),
    ("[sources.reddit]\nkey_file = 'gone'", "2: sources.reddit.key_file: names no file; allowed: the path of a file "),
    ("[sources.reddit.claud]", "1: sources.reddit.claud: no such key (did you mean claude?); allowed: enabled, "),
    ("[sources.reddit]\nclaude = 3", "2: sources.reddit.claude: is 3; allowed: a table"),
    ("[sources.reddit.claude]\nbase_url = 1", "2: sources.reddit.claude.base_url: is 1; allowed: an http or https"),
    ("[sources.google_trends]\ngeo = ['US', 'de']", "2: sources.google_trends.geo[1]: is 'de'; allowed: a country"),
    ("[sources.google_trends]\ngeo = 'US'", "2: sources.google_trends.geo: is text; allowed: a list of: a country"),
    ("[sources.probe]\ncontrols = ['x']", "2: sources.probe.controls[0]: does not begin with http:// or https://"),
    ("[sources.probe]\ncontrols = ['dns:a b']", "2: sources.probe.controls[0]: has a character in it that no URL"),
    ("[sources.probe]\ndeadline_s = 0", "2: sources.probe.deadline_s: is 0; allowed: a number above 0 to 60"),
    ("[sources.probe]\ndeadline_s = nan", "2: sources.probe.deadline_s: is nan; allowed: a number above 0 to 60"),
    ("[sources.probe]\nmax_usd_per_day = inf", "2: sources.probe.max_usd_per_day: is inf; allowed: a number from 0 "),
    (
        "[sources.probe.claude.endpoints]\napi_aut = 'https://x.example/'",
        "2: sources.probe.claude.endpoints.api_aut: no endpoint is called 'api_aut' (did you mean api_auth?); allow",
    ),
    ("[sources.probe]\nendpoints = 'x'", "2: sources.probe.endpoints: is text; allowed: a table of: an http"),
    ("[sources.probe]\nendpoints.edge = 3", "2: sources.probe.endpoints.edge: is 3; allowed: an http or https URL"),
    ("[sources.statuspage]\napi = 'no'", "2: sources.statuspage.api: is text; allowed: true or false"),
    ("[store]\nretention_days = 0", "2: store.retention_days: is 0; allowed: a whole number from 1 to 36500"),
    ("[judgement]\narl_days = 0.5", "2: judgement.arl_days: is 0.5; allowed: a number from 1 to 36500"),
    ("[gateway]\nthinking_cut = 'hld'", "2: gateway.thinking_cut: is 'hld'; allowed: `restart`, `hold`, `error`"),
    ("[gateway]\nupstreams = [3]", "2: gateway.upstreams[0]: is 3; allowed: a table"),
    ("[[gateway.upstreams]]\nprotocol = 'openai'", "1: gateway.upstreams[0]: `id` is missing; allowed: letters, "),
    (UPSTREAM.replace('"a"', '"a b"'), "2: gateway.upstreams[0].id: is 'a b'; allowed: letters, digits, "),
    (UPSTREAM.replace('"openai"', '"opnai"'), "3: gateway.upstreams[0].protocol: is 'opnai'; allowed: `anthropic`, "),
    (UPSTREAM + UPSTREAM, "5: gateway.upstreams[1].id: 'a' is taken by gateway.upstreams[0]; allowed: a new id"),
    (UPSTREAM + "service = 'nobody'", "4: gateway.upstreams[0].service: is 'nobody'; allowed: "),
    (UPSTREAM + "component = 'api'", "4: gateway.upstreams[0].component: has no `service` beside it; allowed: "),
    (
        UPSTREAM + "service = 'claude'\ncomponent = 'apis'",
        "5: gateway.upstreams[0].component: claude has no component 'apis' (did you mean api?); allowed: web, ",
    ),
    ("[[gateway.routes]]\nmatch = '*'", "1: gateway.routes[0]: `chain` is missing; allowed: a list of"),
    ("[[gateway.routes]]\nchain = []", "2: gateway.routes[0].chain: is empty; allowed: a list of"),
    (
        "[[gateway.routes]]\nchain = ['a']",
        "2: gateway.routes[0].chain[0]: no upstream is called 'a'; allowed: none yet",
    ),
    ("[[gateway.routes]]\nchain = ['/m']", "2: gateway.routes[0].chain[0]: is '/m'; allowed: `upstream/model` or "),
    ("[[gateway.routes]]\nchain = ['a/']", "2: gateway.routes[0].chain[0]: is 'a/'; allowed: `upstream/model` or "),
    ("[[gateway.routes]]\nmatch = ''\nchain = ['a']", "2: gateway.routes[0].match: is empty; allowed: text, not empty"),
    (
        UPSTREAM + "[[gateway.routes]]\nchain = ['a', 'aa/m']",
        "5: gateway.routes[0].chain[1]: no upstream is called 'aa' (did you mean a?); allowed: a",
    ),
]


def test_an_upstream_that_stands_there_twice_is_allowed_once_in_what_is_allowed():
    with pytest.raises(ConfigError) as caught:
        parse_config(UPSTREAM + UPSTREAM + "[[gateway.routes]]\nchain = ['b']")
    assert "no upstream is called 'b'; allowed: a" in str(caught.value)
    assert "allowed: a, a" not in str(caught.value)


@pytest.mark.parametrize(("text", "told"), ONE_BY_ONE, ids=lambda v: v[:50])
def test_a_mistake_is_told_once_with_its_line_and_what_is_allowed(refusal, text: str, told: str):
    lines = refusal(text)
    assert len(lines) == 1
    assert lines[0].startswith(f"stillup.toml:{told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\nb = [1, 2\nc = 3", "3: not TOML: Unclosed array"),
        ("a = 1\n\n[a]\n", "3: not TOML: "),
        ("a = 1\na = 2\n", "2: not TOML: Cannot overwrite a value"),
        ('a = "\x01"', "1: not TOML: Illegal character"),
        ("a =", "1: not TOML: Invalid value"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(refusal, text: str, told: str):
    assert refusal(text)[0].startswith(f"stillup.toml:{told}")


@pytest.mark.parametrize(
    "url", ["http://a.example", "https://a.example:8443/x/", "http://[::1]:1/", "HTTP://localhost"]
)
def test_an_address_over_http_is_taken_without_its_last_slash(tmp_path: Path, url: str):
    reader = Reader(tmp_path)
    document = reader.document({"sources": {"statuspage": {"base_url": url}}})
    assert reader.complaints == []
    assert document.sources["statuspage"].everywhere.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "a.example",
        "https://",
        "https:///x",
        "https://a.example:0",
        "https://a.example:99999",
        "https://a.example:x",
        "https://[::1",
        "https://me@a.example",
        "https://me:pw@a.example",
        "https://a.example/?q=1",
        "https://a.example/#x",
        "https://a.exa mple",
        "https://a.example/\n",
        "https://ä.example",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_that_is_not_plainly_http_is_refused(tmp_path: Path, url: str):
    reader = Reader(tmp_path)
    reader.document({"sources": {"statuspage": {"base_url": url}}})
    assert [c.path for c in reader.complaints] == [("sources", "statuspage", "base_url")]


@pytest.mark.parametrize("listen", ["127.0.0.1:8780", "[::1]:80", "localhost:0", "0.0.0.0:65535", "a-b.example:1"])
def test_a_listen_address_is_a_host_and_a_port(tmp_path: Path, listen: str):
    reader = Reader(tmp_path)
    assert reader.document({"web": {"listen": listen}}).web.listen == listen
    assert reader.complaints == []


@pytest.mark.parametrize(
    "listen",
    [
        *("8780", ":8780", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "http://127.0.0.1:80"),
        *("::1:80", "[::g]:80", "[1]:80", "256.0.0.1:80", "1:80", "a/b:80", "a b:80", ""),
    ],
)
def test_anything_else_is_no_listen_address(tmp_path: Path, listen: str):
    reader = Reader(tmp_path)
    reader.document({"web": {"listen": listen}})
    assert [c.path for c in reader.complaints] == [("web", "listen")]


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(refusal):
    text = """servces = ["claude"]
[sources.statuspge]
[sources.reddit]
interval_s = 0
[web]
listen = "80"
[[gateway.upstreams]]
id = "a"
protocol = "x"
[[gateway.routes]]
chain = []
"""
    where = [line.split(": ")[0:2] for line in refusal(text)]
    assert where == [
        ["stillup.toml:1", "servces"],
        ["stillup.toml:2", "sources.statuspge"],
        ["stillup.toml:4", "sources.reddit.interval_s"],
        ["stillup.toml:6", "web.listen"],
        ["stillup.toml:9", "gateway.upstreams[0].protocol"],
        ["stillup.toml:11", "gateway.routes[0].chain"],
    ]


def test_a_rule_between_keys_is_told_together_with_mistakes_elsewhere(refusal):
    told = refusal(UPSTREAM + UPSTREAM + "[web]\nlisten = 3")
    assert [line.split(": ")[1] for line in told] == ["gateway.upstreams[1].id", "web.listen"]


def test_twenty_mistakes_are_enough_for_one_reading(refusal):
    told = refusal("".join(f"key{n} = 1\n" for n in range(25)))
    assert len(told) == 21
    assert told[-1] == "… and 5 more"


@pytest.mark.parametrize("key", ["key", "token", "api_key", "Password", "secret"])
@pytest.mark.parametrize("table", ["sources.downdetector", "sources.downdetector.claude", "gateway", "web"])
def test_a_key_in_the_file_is_refused_with_the_reason_and_never_repeated(refusal, table: str, key: str):
    told = refusal(f'[{table}]\n{key} = "sk-hush"')
    assert len(told) == 1
    assert told[0].startswith(f"stillup.toml:2: {table}.{key}: keys do not belong in this file")
    assert "key_env" in told[0]
    assert "hush" not in told[0]


@pytest.mark.parametrize(
    "line",
    [
        'sources.downdetector.key_env = "sk-ant-hush"',
        'sources.downdetector.key_file = "sk-ant-hush"',
        'sources.downdetector.base_url = "https://me:hush@a.example"',
        'sources.downdetector.base_url = "hush"',
        'sources.probe.controls = ["https://hush@a.example"]',
        'sources.probe.claude.endpoints.edge = "hush"',
        'sources.downdetector.interval_s = "hush"',
        'sources.downdetector = "hush"',
        'web.unknown = "hush"',
        'gateway.upstreams = ["hush"]',
        'gateway.upstreams = [{id = "a", protocol = "openai", key_env = "sk-hush"}]',
        'hush = "hush',
    ],
)
def test_what_could_be_a_secret_is_not_repeated(refusal, line: str):
    assert "hush" not in "\n".join(refusal(line)).replace("hush:", "")


# How often a public address may be asked.

PUBLIC = 'base_url = "https://status.example"'
LOOPBACK = 'base_url = "http://127.0.0.1:9000"'


@pytest.mark.parametrize(
    "text",
    [
        "[sources.statuspage]\ninterval_s = 60",
        f"[sources.statuspage]\ninterval_s = 1\n{LOOPBACK}",
        "[sources.statuspage]\ninterval_s = 1\nbase_url = 'http://localhost:1'",
        "[sources.statuspage]\ninterval_s = 1\nbase_url = 'http://[::1]:1'",
        "[sources.statuspage]\ninterval_s = 1\nbase_url = 'http://never.invalid'",
        f"[sources.statuspage.claude]\ninterval_s = 1\n{LOOPBACK}",
        f"[sources.statuspage]\n{LOOPBACK}\n[sources.statuspage.claude]\ninterval_s = 1",
        f"services = ['claude']\n[sources.statuspage]\ninterval_s = 1\n[sources.statuspage.claude]\n{LOOPBACK}",
        "[sources.claude_code]\ninterval_s = 5",
        """services = ['copilot']
[sources.probe]
interval_s = 1
[sources.probe.copilot.endpoints]
web = 'http://127.0.0.1:1/'
api_auth = 'http://127.0.0.1:2/'""",
    ],
)
def test_below_a_minute_is_for_this_machine_only(tmp_path: Path, text: str):
    reader = Reader(tmp_path)
    document = reader.document(tomllib.loads(text))
    assert [*reader.complaints, *rules.complaints(document, [])] == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("services = ['claude']\n[sources.statuspage]\ninterval_s = 59", [3]),
        (f"services = ['claude']\n[sources.statuspage]\ninterval_s = 1\n{PUBLIC}", [3]),
        ("services = ['claude']\n[sources.statuspage]\nbase_url = 'http://127.0.0.1.example'\ninterval_s = 1", [4]),
        ("services = ['claude']\n[sources.statuspage.github]\ninterval_s = 9", [3]),
        (f"[sources.statuspage]\n{LOOPBACK}\n[sources.statuspage.claude]\n{PUBLIC}\ninterval_s = 1", [5]),
        (f"[sources.statuspage]\ninterval_s = 5\n{LOOPBACK}\n[sources.statuspage.claude]\n{PUBLIC}", [2]),
        ("services = ['claude']\n[sources.probe]\ninterval_s = 1\nendpoints.edge = 'http://127.0.0.1:1/'", [3]),
    ],
)
def test_a_public_address_is_asked_once_a_minute_at_most(refusal, text: str, lines: list[int]):
    told = refusal(text)
    assert [int(line.split(":")[1]) for line in told] == lines
    assert "allowed: 60 or more, or any from 1 when `base_url` is on this machine" in told[0]


# Whatever stands there, it is read or refused: nothing else can happen.

_NAMES = sorted({*Document.__struct_fields__, *SourceOptions.__struct_fields__, *catalogue(), *SOURCES, "listen"})
_NAMES += ["upstreams", "routes", "id", "protocol", "chain", "match", "endpoints", "edge", "controls", "ünknown", ""]
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_NAMES) | st.text(max_size=9)


def _trees(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), below, max_size=4)


@given(st.dictionaries(st.sampled_from(_NAMES), st.recursive(_PLAIN, _trees, max_leaves=12), max_size=4))
def test_any_tree_is_read_or_refused(tree: dict[str, Any]):
    reader = Reader(Path("/nowhere"))
    document = reader.document(tree)
    wrong = [*reader.complaints, *rules.complaints(document, reader.complaints)]
    assert isinstance(document, Document)
    assert all(c.path and c.says.isprintable() for c in wrong)


def test_no_service_is_called_as_a_key_is():
    keys = {key for source in SOURCES for key in options_type(source).__struct_fields__}
    assert not keys & catalogue().keys()
