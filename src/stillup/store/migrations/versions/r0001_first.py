"""The first schema: signals, transitions with their evidence, incidents, reports of sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _signals()
    _transitions()
    _evidence()
    _incidents()
    _reports()


def _signals() -> None:
    op.create_table(
        "signals",
        sa.Column("seq", _SEQUENCE, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_signals"),
    )
    op.create_index("ix_signals_service_at", "signals", ["service", "at"])


def _transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("seq", _SEQUENCE, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_transitions"),
        sa.UniqueConstraint("service", "at", "component", name="uq_transitions_service_at_component"),
    )
    op.create_index("ix_transitions_at", "transitions", ["at"])


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("transition", _SEQUENCE, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["transition"], ["transitions.seq"], name="fk_evidence_transition"),
        sa.PrimaryKeyConstraint("transition", "position", name="pk_evidence"),
        sqlite_with_rowid=False,
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("recovered_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tick", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "service", name="pk_reports"),
    )
