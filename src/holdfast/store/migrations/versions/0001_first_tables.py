"""The first tables: databases, addresses, secrets, plans, operations, evidence, backups."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE holdfast.database (
    name        text PRIMARY KEY,
    spec        jsonb NOT NULL,
    generation  integer NOT NULL,
    phase       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE holdfast.node (
    database    text NOT NULL REFERENCES holdfast.database (name) ON DELETE CASCADE,
    ordinal     integer NOT NULL CHECK (ordinal >= 1),
    address     text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (database, ordinal)
);

CREATE TABLE holdfast.sandbox (
    owner       text PRIMARY KEY,
    address     text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE holdfast.released_address (
    address     text PRIMARY KEY,
    released_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE holdfast.secret (
    ref         text PRIMARY KEY,
    ciphertext  bytea NOT NULL,
    nonce       bytea NOT NULL,
    key_id      text NOT NULL,
    version     integer NOT NULL CHECK (version >= 1),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE holdfast.plan (
    id          text PRIMARY KEY,
    database    text NOT NULL,
    digest      text NOT NULL,
    changes     jsonb NOT NULL,
    spec        jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX plan_by_digest ON holdfast.plan (database, digest);

CREATE TABLE holdfast.operation (
    id          text PRIMARY KEY,
    kind        text NOT NULL,
    database    text,
    request     jsonb NOT NULL,
    state       text NOT NULL
                CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    outcome     jsonb,
    error       jsonb,
    cancel_requested boolean NOT NULL DEFAULT false,
    actor       text NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    revision    bigint NOT NULL DEFAULT 0,
    CONSTRAINT operation_finished CHECK
        ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT operation_failed_has_error CHECK (state <> 'failed' OR error IS NOT NULL)
);
-- The fence: two operations on one database never run at once.
CREATE UNIQUE INDEX operation_one_running ON holdfast.operation (database)
    WHERE state = 'running';
CREATE INDEX operation_unfinished ON holdfast.operation (created_at)
    WHERE state IN ('queued', 'running');
CREATE INDEX operation_by_database ON holdfast.operation (database, created_at);
CREATE INDEX operation_by_time ON holdfast.operation (created_at);

CREATE TABLE holdfast.operation_step (
    operation_id text NOT NULL REFERENCES holdfast.operation (id) ON DELETE CASCADE,
    seq         integer NOT NULL,
    name        text NOT NULL,
    state       text NOT NULL
                CHECK (state IN
                ('pending', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
    started_at  timestamptz,
    finished_at timestamptz,
    attempts    integer NOT NULL DEFAULT 0,
    detail      jsonb NOT NULL DEFAULT '{}',
    revision    bigint NOT NULL,
    PRIMARY KEY (operation_id, seq)
);

CREATE TABLE holdfast.operation_log (
    operation_id text NOT NULL REFERENCES holdfast.operation (id) ON DELETE CASCADE,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    level       text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    text        text NOT NULL,
    step        integer,
    origin      text NOT NULL,
    PRIMARY KEY (operation_id, seq),
    CONSTRAINT operation_log_once UNIQUE (operation_id, origin)
);

CREATE TABLE holdfast.evidence (
    id          text PRIMARY KEY,
    kind        text NOT NULL,
    database    text NOT NULL,
    at          timestamptz NOT NULL,
    verdict     text NOT NULL CHECK (verdict IN ('proven', 'failed', 'unproven')),
    measured    jsonb NOT NULL,
    reasons     jsonb NOT NULL,
    operation_id text
);
CREATE INDEX evidence_latest ON holdfast.evidence (database, kind, at);

CREATE TABLE holdfast.backup (
    id          text PRIMARY KEY,
    database    text NOT NULL,
    label       text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('full', 'diff', 'incr')),
    state       text NOT NULL CHECK (state IN ('running', 'complete', 'failed', 'expired')),
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    size_bytes  bigint,
    stored_bytes bigint,
    detail      jsonb NOT NULL DEFAULT '{}',
    operation_id text,
    CONSTRAINT backup_label_once UNIQUE (database, label)
);
CREATE INDEX backup_by_time ON holdfast.backup (database, started_at);
"""


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    op.execute(_TABLES)
