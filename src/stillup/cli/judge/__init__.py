"""``stillup replay``, ``detect``, ``localise``: recorded numbers and signals, judged."""
