"""Run by Alembic: upgrades the connection it is handed, within the transaction that is open on it."""

from __future__ import annotations

from alembic import context

from stillup.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most of a table in place: it is copied.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
