"""``stillup SERVICE``, ``stillup all``: is it down, why, and what to do."""
