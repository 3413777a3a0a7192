"""``stillup demo``: an outage played on this machine."""
