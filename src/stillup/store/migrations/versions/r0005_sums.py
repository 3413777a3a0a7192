"""What each side saw of a service on a day, summed up: it outlives the signals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sums",
        sa.Column("service", _WORD, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service", "day", name="pk_sums"),
        sqlite_with_rowid=False,
    )
