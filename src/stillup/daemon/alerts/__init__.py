"""Alerts: what the rules decided, kept, and sent by one process at a time."""
