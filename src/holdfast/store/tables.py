"""The tables, as queries see them. Migrations create them; a test holds the two together."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from holdfast.store.connection import SCHEMA

metadata = sa.MetaData(schema=SCHEMA)

_MOMENT = sa.TIMESTAMP(timezone=True)


def _created() -> sa.Column[object]:
    return sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now())


database = sa.Table(
    "database",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spec", JSONB, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    _created(),
    sa.Column("updated_at", _MOMENT, nullable=False, server_default=sa.func.now()),
)

node = sa.Table(
    "node",
    metadata,
    sa.Column(
        "database",
        sa.Text,
        sa.ForeignKey("database.name", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("address", sa.Text, nullable=False, unique=True),
    _created(),
)

sandbox = sa.Table(
    "sandbox",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, nullable=False, unique=True),
    _created(),
)

released_address = sa.Table(
    "released_address",
    metadata,
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("released_at", _MOMENT, nullable=False, server_default=sa.func.now()),
)

secret = sa.Table(
    "secret",
    metadata,
    sa.Column("ref", sa.Text, primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    sa.Column("nonce", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    _created(),
)

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("database", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("changes", JSONB, nullable=False),
    sa.Column("spec", JSONB, nullable=False),
    _created(),
    sa.Index("plan_by_digest", "database", "digest"),
)

operation = sa.Table(
    "operation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("database", sa.Text),
    sa.Column("request", JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _created(),
    sa.Column("started_at", _MOMENT),
    sa.Column("finished_at", _MOMENT),
    sa.Column("outcome", JSONB),
    sa.Column("error", JSONB),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("slot", sa.Text),
    sa.Index(
        "operation_one_a_slot",
        "slot",
        unique=True,
        postgresql_where=sa.text("slot IS NOT NULL"),
    ),
    sa.Index(
        "operation_one_running",
        "database",
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    ),
    sa.Index(
        "operation_unfinished",
        "created_at",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    ),
    sa.Index("operation_by_database", "database", "created_at"),
    sa.Index("operation_by_time", "created_at"),
)

operation_step = sa.Table(
    "operation_step",
    metadata,
    sa.Column(
        "operation_id",
        sa.Text,
        sa.ForeignKey("operation.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", _MOMENT),
    sa.Column("finished_at", _MOMENT),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("detail", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

operation_log = sa.Table(
    "operation_log",
    metadata,
    sa.Column(
        "operation_id",
        sa.Text,
        sa.ForeignKey("operation.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("at", _MOMENT, nullable=False, server_default=sa.func.now()),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("step", sa.Integer),
    sa.Column("origin", sa.Text, nullable=False),
    sa.UniqueConstraint("operation_id", "origin", name="operation_log_once"),
)

evidence_leaf = sa.Table(
    "evidence_leaf",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("database", sa.Text, nullable=False),
    sa.Column("at", _MOMENT, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False, server_default=sa.text("'\\x'::bytea")),
    sa.Index("evidence_leaf_latest", "database", "kind", "at"),
    sa.Index("evidence_leaf_by_time", "at"),
)

evidence_tree = sa.Table(
    "evidence_tree",
    metadata,
    sa.Column("log", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("peaks", sa.LargeBinary, nullable=False),
)

evidence_head = sa.Table(
    "evidence_head",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("at", _MOMENT, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)

backup = sa.Table(
    "backup",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("database", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", _MOMENT, nullable=False),
    sa.Column("finished_at", _MOMENT),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("stored_bytes", sa.BigInteger),
    sa.Column("detail", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    sa.Column("operation_id", sa.Text),
    sa.UniqueConstraint("database", "label", name="backup_label_once"),
    sa.Index("backup_by_time", "database", "started_at"),
)

tier = sa.Table(
    "tier",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spec", JSONB, nullable=False),
    _created(),
    sa.Column("updated_at", _MOMENT, nullable=False, server_default=sa.func.now()),
)

drill_record = sa.Table(
    "drill_record",
    metadata,
    sa.Column("operation_id", sa.Text, primary_key=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    _created(),
)

alarm = sa.Table(
    "alarm",
    metadata,
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("database", sa.Text, nullable=False),
    sa.Column("finding", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("evidence", JSONB, nullable=False),
    sa.Column("began_at", _MOMENT, nullable=False, server_default=sa.func.now()),
    sa.Column("seen_at", _MOMENT, nullable=False, server_default=sa.func.now()),
    sa.Column("ended_at", _MOMENT),
    sa.Index(
        "alarm_open",
        "database",
        "finding",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

archive_look = sa.Table(
    "archive_look",
    metadata,
    sa.Column("database", sa.Text, primary_key=True),
    sa.Column("seen", JSONB, nullable=False),
    sa.Column("at", _MOMENT, nullable=False, server_default=sa.func.now()),
)
