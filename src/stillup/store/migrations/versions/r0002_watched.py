"""When each service was watched: stretches of minutes in which something was known of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; of the time before it nothing is claimed."""
    op.create_table(
        "watched",
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "since", name="pk_watched"),
        sqlite_with_rowid=False,
    )
