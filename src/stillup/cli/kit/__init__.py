"""``stillup kit``: prompts, templates and snippets."""
