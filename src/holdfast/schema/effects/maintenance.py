"""VACUUM, ANALYZE, CLUSTER, and the statements about databases and tablespaces."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Relation
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.indexes import outside
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, inner

AE, SUE = Mode.ACCESS_EXCLUSIVE, Mode.SHARE_UPDATE_EXCLUSIVE


def vacuum(draft: Draft, node: Node) -> None:
    """VACUUM [FULL], ANALYZE."""
    options = {option.def_elem.defname for option in node.options}
    if node.is_vacuumcmd:
        outside(draft, "VACUUM")
    full = "full" in options and node.is_vacuumcmd
    for wrapped in node.rels:
        name = draft.named(wrapped.vacuum_relation.relation)
        table = draft.relation(name)
        for member in draft.tree(table) if table.kind == "p" else (table,):
            _one(draft, member, full, node.is_vacuumcmd)
    if not node.rels:
        for fact in draft.world.facts.values():
            if isinstance(fact, Relation) and fact.kind in "rpm":
                draft.lock(fact.name, AE if full else SUE)
    if full and not node.rels:
        draft.cause("vacuum-full", None, AE, "rewrite")


def _one(draft: Draft, table: Relation, full: bool, vacuuming: bool) -> None:
    draft.lock(table.name, AE if full else SUE)
    if full and table.kind in "rm":
        draft.rewrite(table)
        for index in draft.indexes(table):
            draft.lock(index.name, AE)
        draft.cause("vacuum-full", table.name, AE, "rewrite")
    elif not full:
        for index in draft.indexes(table):
            draft.lock(index.name, Mode.ROW_EXCLUSIVE if vacuuming else Mode.ACCESS_SHARE)


def cluster(draft: Draft, node: Node) -> None:
    """CLUSTER."""
    if not node.HasField("relation"):
        outside(draft, "CLUSTER")
        draft.cause("cluster", None, AE, "rewrite")
        return
    table = draft.relation(draft.named(node.relation))
    if table.kind == "p":
        outside(draft, "CLUSTER")
    index = node.indexname or table.clustered
    if table.known and not index:
        raise Failed(
            "42704", f'there is no previously clustered index for table "{table.name.name}"'
        )
    if table.known and draft.found(Name(table.name.schema, index)) is None:
        raise Failed("42704", f'index "{index}" for table "{table.name.name}" does not exist')
    draft.lock(table.name, AE)
    for one in draft.indexes(table):
        draft.lock(one.name, AE)
    draft.rewrite(table)
    draft.cause("cluster", table.name, AE, "rewrite")


def outside_only(draft: Draft, node: Node) -> None:
    """Statements that no transaction block takes: of databases, tablespaces, subscriptions."""
    name = node.DESCRIPTOR.name
    what = {
        "CreatedbStmt": "CREATE DATABASE",
        "DropdbStmt": "DROP DATABASE",
        "CreateTableSpaceStmt": "CREATE TABLESPACE",
        "DropTableSpaceStmt": "DROP TABLESPACE",
        "AlterSystemStmt": "ALTER SYSTEM",
    }[name]
    outside(draft, what)


def comment(draft: Draft, node: Node) -> None:
    """COMMENT ON: SHARE UPDATE EXCLUSIVE on a relation."""
    kind, here = inner(node.object)
    if kind != "list":
        return
    path = [item.string.sval for item in here.items if item.HasField("string")]
    if node.objtype in (7, 41):
        path = path[:-1]
    if node.objtype in (42, 7, 52, 24, 38, 19, 41, 21) and path:
        name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "class")
        if draft.found(name) is None:
            draft.relation(name)
        draft.lock(name, SUE)


STATEMENTS = {
    "vacuum_stmt": vacuum,
    "cluster_stmt": cluster,
    "createdb_stmt": outside_only,
    "dropdb_stmt": outside_only,
    "create_table_space_stmt": outside_only,
    "drop_table_space_stmt": outside_only,
    "alter_system_stmt": outside_only,
    "comment_stmt": comment,
}
