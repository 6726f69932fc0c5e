"""Alarms, and what was seen of each archive last."""

from alembic import op

revision = "0007"
down_revision = "0006"

_TABLES = """
CREATE TABLE holdfast.alarm (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    database    text NOT NULL,
    finding     text NOT NULL,
    severity    text NOT NULL CHECK (severity IN ('error', 'warning', 'notice')),
    message     text NOT NULL,
    hint        text NOT NULL,
    evidence    jsonb NOT NULL,
    began_at    timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz
);
CREATE UNIQUE INDEX alarm_open ON holdfast.alarm (database, finding) WHERE ended_at IS NULL;

CREATE TABLE holdfast.archive_look (
    database    text PRIMARY KEY,
    seen        jsonb NOT NULL,
    at          timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    op.execute(_TABLES)
