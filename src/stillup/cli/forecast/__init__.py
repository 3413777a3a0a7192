"""``stillup forecast``: how long it will take, and how sure that is."""
