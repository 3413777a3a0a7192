"""Conversations that are never lost: a private store, filled from the gateway's journal and from exports."""
