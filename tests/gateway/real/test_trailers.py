"""Behind an answer that was gone on with stands a trailer that says so: every client takes it, and some can read it.

Python's clients are what the SDKs ask with; Node's ``fetch`` is Claude Code's, and Codex's own is in test_agents.py.
"""

import asyncio
import json
import shutil
import urllib.request

import aiohttp
import httpx
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure

SCRIPT = "It was a bright cold day in April, and the clocks were striking thirteen."
TRAILER = "x-stillup-continued"
BODY = {
    "model": "claude-simulated-1",
    "max_tokens": 64,
    "stream": True,
    "messages": [{"role": "user", "content": "hello"}],
}
HEADERS = {"x-api-key": "dummy", "content-type": "application/json"}
TIMES = 3
"""On one connection: what stands behind an answer must not disturb the next one."""


@pytest.fixture
async def url(a, b, start):
    """Where every answer breaks off and is gone on with."""
    a.set(Behaviour(text=SCRIPT, verbatim=True, failure=Failure.CUT, after=6))
    b.set(Behaviour(text=SCRIPT, verbatim=True))
    gateway = await start(a, b, other="openai")
    return f"{gateway.address}/v1/messages"


def text_of(body):
    data = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: {")]
    assert data[-1] == {"type": "message_stop"}
    return "".join(e.get("delta", {}).get("text", "") for e in data)


async def by_httpx(url):
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(TIMES):
            yield (await client.post(url, headers=HEADERS, json=BODY)).text


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session:
        for _ in range(TIMES):
            async with session.post(url, headers=HEADERS, json=BODY) as answer:
                yield await answer.text()


async def by_urllib(url):
    request = urllib.request.Request(url, json.dumps(BODY).encode(), HEADERS)

    def asked():
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()

    for _ in range(TIMES):
        yield await asyncio.to_thread(asked)


async def run(*argv):
    if shutil.which(argv[0]) is None:
        pytest.skip(f"no {argv[0]} here")
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
    said, trouble = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode == 0, trouble.decode()
    return said.decode()


FETCH = """
const [url, asked, times] = [process.argv[1], JSON.parse(process.argv[2]), Number(process.argv[3])];
const told = [];
for (let i = 0; i < times; i++) told.push(await (await fetch(url, asked)).text());
console.log(JSON.stringify(told));
"""


async def by_fetch(url):
    asked = json.dumps({"method": "POST", "headers": HEADERS, "body": json.dumps(BODY)})
    said = await run("node", "--input-type=module", "-e", FETCH, url, asked, str(TIMES))
    for each in json.loads(said):
        yield each


async def by_curl(url):
    lines = [word for line in HEADERS.items() for word in ("-H", ": ".join(line))]
    said = await run("curl", "-sS", "--noproxy", "*", "-N", *lines, "-d", json.dumps(BODY), url)
    yield said


CLIENTS = {"httpx": by_httpx, "aiohttp": by_aiohttp, "urllib": by_urllib, "Node's fetch": by_fetch, "curl": by_curl}


@pytest.mark.parametrize("name", CLIENTS)
async def test_an_answer_with_a_trailer_is_whole_for_every_client(name, url):
    answers = [text_of(body) async for body in CLIENTS[name](url)]

    assert set(answers) == {SCRIPT}


READS = """
import http from "node:http";
const [url, headers, body] = [process.argv[1], JSON.parse(process.argv[2]), process.argv[3]];
http.request(url, { method: "POST", headers }, (answer) => {
  let text = "";
  answer.setEncoding("utf8").on("data", (piece) => (text += piece));
  answer.on("end", () => console.log(JSON.stringify({ text, trailers: answer.trailers })));
}).end(body);
"""


async def test_who_reads_trailers_is_told_who_went_on_and_from_where(url):
    told = json.loads(await run("node", "--input-type=module", "-e", READS, url, json.dumps(HEADERS), json.dumps(BODY)))

    assert text_of(told["text"]) == SCRIPT
    upstream, _, at = told["trailers"][TRAILER].partition("@")
    assert upstream == "b-openai/gpt-4.1"
    assert 0 < int(at) < len(SCRIPT)
