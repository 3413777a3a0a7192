"""Alembic's folder: the way from each older schema to the newest, and never back."""
