"""Drills: an outage on purpose, what came through it, and the score. Pure but for the history's files."""
