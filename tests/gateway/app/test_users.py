"""Who may come in beyond loopback, and how much."""

from tests.gateway.app.conftest import KEYS, MESSAGES, Client

OUR_TOKEN = "dummy-token-of-ann-0123456789"
USERS = """
listen = "0.0.0.0:0"
[[gateway.users]]
id = "ann"
token_env = "ANN"
requests_per_minute = 2
usd_per_day = 0.001
"""
ENVIRON = KEYS | {"ANN": OUR_TOKEN}


async def test_beyond_loopback_nobody_comes_in_without_a_token_or_sends_a_body_first(a, start):
    gateway = await start(a, more=USERS, environ=ENVIRON)
    reply = await Client(gateway).ask(MESSAGES)
    assert reply.status == 401
    async with Client(gateway).line() as line:
        line.writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: g\r\nContent-Length: 30000000\r\n\r\n")
        assert (await line.reader.readline()).startswith(b"HTTP/1.1 401")
    assert (await Client(gateway).send("GET", "/healthz")).status == 200
    assert (await Client(gateway).send("GET", "/stillup/status")).status == 401
    assert a.counts.requests == 0


async def test_a_users_requests_a_minute_are_counted_and_the_rest_told_when_to_come_back(a, start, clock):
    gateway = await start(a, more=USERS, environ=ENVIRON)
    headers = [("x-api-key", OUR_TOKEN)]
    client = Client(gateway)
    replies = [await client.send("POST", MESSAGES.path, headers, MESSAGES.body()) for _ in range(3)]
    assert [r.status for r in replies] == [200, 200, 429]
    assert 1 <= int(replies[2].header("retry-after")) <= 60
    assert replies[2].header("x-stillup-attempts") == "0"
    assert OUR_TOKEN not in repr([r.headers for r in a.requests])
    clock.skip(61.0)
    assert (await client.send("POST", MESSAGES.path, headers, MESSAGES.body())).status == 200


async def test_a_users_dollars_a_day_are_counted(a, start):
    gateway = await start(a, more=USERS, environ=ENVIRON)
    gateway.seen._price = lambda model, usage: 0.002
    client = Client(gateway)
    first, second = [
        await client.send("POST", MESSAGES.path, [("x-api-key", OUR_TOKEN)], MESSAGES.body()) for _ in range(2)
    ]
    assert (first.status, second.status) == (200, 429)
    assert "USD a day" in second.error["message"]
