"""``stillup drill``: outages on purpose."""
