"""``stillup watch``, ``top``: stay, and show what changes."""
