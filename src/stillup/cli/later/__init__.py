"""``stillup later``: what waits until a service is well again."""
