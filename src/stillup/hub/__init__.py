"""Crowd reports: who may say that something is wrong, and how much that counts."""
