"""Tries: do they fail, or take long."""
