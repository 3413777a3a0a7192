"""Prompts, templates and snippets as plain Markdown files: found, filled in and copied with no network at all."""
