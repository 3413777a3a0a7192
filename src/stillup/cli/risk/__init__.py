"""``stillup risk``, ``sla``, ``switch``, ``plan``: what you depend on, and what was promised."""
