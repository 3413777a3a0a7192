"""``stillup gateway``, ``with``: the gateway, and programs that go through it."""
