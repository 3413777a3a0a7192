"""``stillup statusline``: one line for Claude Code's status bar."""
