"""Evidence becomes a ledger: leaves of a Merkle tree, the tree's peaks, and signed heads.

`evidence` stays as a view for whoever reads by SQL. Its old rows become the first leaves.
"""

import uuid

import sqlalchemy as sa
from alembic import op

from holdfast.evidence import tree
from holdfast.evidence.leaf import Record, content

revision = "0003"
down_revision = "0002"

_TABLES = """
CREATE TABLE holdfast.evidence_leaf (
    seq         bigint PRIMARY KEY CHECK (seq >= 0),
    id          text NOT NULL UNIQUE,
    kind        text NOT NULL,
    database    text NOT NULL,
    at          timestamptz NOT NULL,
    verdict     text NOT NULL CHECK (verdict IN ('', 'proven', 'failed', 'unproven')),
    content     text NOT NULL,
    -- The hash of the leaf, then those of the perfect subtrees that it completes, upwards.
    hashes      bytea NOT NULL CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) > 0)
);
CREATE INDEX evidence_leaf_latest ON holdfast.evidence_leaf (database, kind, at);
CREATE INDEX evidence_leaf_by_time ON holdfast.evidence_leaf (at);

-- One row: what the next append needs. Its lock puts appends in order.
CREATE TABLE holdfast.evidence_tree (
    log         text PRIMARY KEY,
    size        bigint NOT NULL,
    peaks       bytea NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE holdfast.evidence_head (
    number      bigint PRIMARY KEY CHECK (number >= 0),
    size        bigint NOT NULL,
    at          timestamptz NOT NULL,
    content     text NOT NULL,
    signature   bytea NOT NULL
);

CREATE FUNCTION holdfast.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence is only ever added to: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
_GUARD = """
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change();
"""
_VIEW = """
CREATE VIEW holdfast.evidence AS
    SELECT seq, id, kind, database, at, verdict,
           content::jsonb -> 'measured' AS measured,
           content::jsonb -> 'reasons' AS reasons,
           content::jsonb ->> 'operation' AS operation_id,
           content::jsonb ->> 'actor' AS actor
    FROM holdfast.evidence_leaf
"""


def upgrade() -> None:
    """Bring the schema forward; it never goes back."""
    connection = op.get_bind()
    op.execute(_TABLES)
    size, peaks = _carry_over(connection)
    connection.execute(
        sa.text("INSERT INTO holdfast.evidence_tree VALUES (:log, :size, :peaks)"),
        {"log": uuid.uuid4().hex, "size": size, "peaks": b"".join(peaks)},
    )
    op.execute("DROP TABLE holdfast.evidence")
    op.execute(_VIEW)
    for table in ("evidence_leaf", "evidence_head"):
        op.execute(_GUARD.format(table=table))


def _carry_over(connection: sa.Connection) -> tuple[int, tuple[bytes, ...]]:
    insert = sa.text(
        "INSERT INTO holdfast.evidence_leaf VALUES "
        "(:seq, :id, :kind, :database, :at, :verdict, :content, :hashes)"
    )
    size = 0
    peaks: tuple[bytes, ...] = ()
    for row in connection.execute(sa.text("SELECT * FROM holdfast.evidence ORDER BY at, id")):
        fact = Record(
            id=row.id,
            kind=row.kind,
            at=row.at,
            database=row.database,
            verdict=row.verdict,
            operation_id=row.operation_id or "",
            measured=row.measured,
            reasons=tuple(row.reasons),
        )
        text = content(size, fact)
        hashes = tree.completed(size, peaks, tree.leaf_hash(text.encode()))
        connection.execute(
            insert,
            {
                "seq": size,
                "id": row.id,
                "kind": row.kind,
                "database": row.database,
                "at": row.at,
                "verdict": row.verdict,
                "content": text,
                "hashes": b"".join(hashes),
            },
        )
        size, peaks = size + 1, tree.grown(peaks, hashes)
    return size, peaks
