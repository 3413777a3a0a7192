"""Counts: what is usual, and is it more than that."""
