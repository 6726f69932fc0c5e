"""ALTER TABLE subcommands about storage, ownership, inheritance, triggers and row security."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Relation, replace
from holdfast.schema.effects import partitions as of_partitions
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.subcommands import AT
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node

AE = Mode.ACCESS_EXCLUSIVE


def _mixed(table: Relation, other: Name, wanted: str) -> Failed:
    """A logged table that would reference an unlogged one."""
    to, how = (
        ("logged", f'references unlogged table "{other.name}"')
        if wanted == "p"
        else ("unlogged", f'is referenced by logged table "{other.name}"')
    )
    return Failed("42P16", f'could not change table "{table.name.name}" to {to} because it {how}')


def logged(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """SET LOGGED, SET UNLOGGED: a rewrite unless it is so already."""
    wanted = "p" if cmd.subtype == AT.SetLogged else "u"
    if table.persistence == wanted and table.known:
        return table
    others = (
        [one.target for one in table.constraints if one.target]
        if wanted == "p"
        else [source for source, _ in table.referenced_by]
    )
    for name in others:
        other = draft.found(name)
        if (
            isinstance(other, Relation)
            and other.name != table.name
            and other.persistence == ("u" if wanted == "p" else "p")
        ):
            raise _mixed(table, name, wanted)
    draft.rewrite(table)
    draft.cause("set-logged", table.name, AE, "rewrite", wanted=wanted)
    return replace(table, persistence=wanted)


def tablespace(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """SET TABLESPACE: the files are copied, the indexes stay."""
    if cmd.name == (table.tablespace or "pg_default") and table.known:
        return table
    if table.kind in "rm" and not draft.fresh(table.name):
        draft.rewrites[table.name] = None
    draft.cause("set-tablespace", table.name, AE, "rewrite", tablespace=cmd.name)
    return replace(table, tablespace=cmd.name)


def access_method(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """SET ACCESS METHOD (15)."""
    if draft.version < 15:
        raise Failed("42601", "SET ACCESS METHOD needs PostgreSQL 15")
    if cmd.name == table.method and table.known:
        return table
    draft.rewrite(table)
    draft.cause("set-access-method", table.name, AE, "rewrite", method=cmd.name)
    return replace(table, method=cmd.name)


def owner(draft: Draft, table: Relation, _cmd: Node, _recurse: bool) -> Relation:
    """OWNER TO: indexes and owned sequences go along."""
    for index in draft.indexes(table):
        draft.lock(index.name, AE)
    for name in table.sequences:
        draft.lock(name, AE)
    draft.cause("change-owner", table.name, AE, "")
    return table


def inherit(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """INHERIT parent."""
    parent = draft.relation(draft.named(getattr(cmd, "def").range_var))
    draft.lock(parent.name, Mode.SHARE_UPDATE_EXCLUSIVE)
    draft.put(replace(parent, children=(*parent.children, table.name)))
    return replace(table, parents=(*table.parents, parent.name))


def no_inherit(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """NO INHERIT parent."""
    parent = draft.relation(draft.named(getattr(cmd, "def").range_var))
    draft.lock(parent.name, Mode.ACCESS_SHARE)
    draft.put(replace(parent, children=tuple(c for c in parent.children if c != table.name)))
    return replace(
        table,
        parents=tuple(p for p in table.parents if p != parent.name),
        columns=tuple(c._replace(inherited=False) for c in table.columns),
    )


def replica_identity(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """REPLICA IDENTITY."""
    node = getattr(cmd, "def").replica_identity_stmt
    if node.name:
        index = draft.index(Name(table.name.schema, node.name))
        if index is not None:
            draft.lock(index.name, Mode.SHARE)
            if not index.unique:
                raise Failed(
                    "42809", f'cannot use non-unique index "{node.name}" as replica identity'
                )
    return replace(table, replica_identity=node.identity_type)


def cluster_on(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """CLUSTER ON index."""
    if table.known and draft.found(Name(table.name.schema, cmd.name)) is None:
        raise Failed("42704", f'index "{cmd.name}" for table "{table.name.name}" does not exist')
    draft.lock(Name(table.name.schema, cmd.name), Mode.SHARE_UPDATE_EXCLUSIVE)
    return replace(table, clustered=cmd.name)


def row_security(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """ENABLE, DISABLE, FORCE ROW LEVEL SECURITY."""
    on = cmd.subtype in (AT.EnableRowSecurity, AT.ForceRowSecurity)
    draft.cause(
        "row-security",
        table.name,
        AE,
        "",
        on="yes" if on else "",
        policies=", ".join(table.policies),
    )
    if on and not table.policies and table.known:
        draft.breaks.append(f"{table.name.short} shows no row to anybody but its owner")
    return replace(table, row_security=on)


def trigger(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """ENABLE, DISABLE TRIGGER."""
    off = cmd.subtype in (AT.DisableTrig, AT.DisableTrigAll, AT.DisableTrigUser)
    name = cmd.name
    if name and table.known and not any(t.name == name for t in table.triggers):
        raise Failed("42704", f'trigger "{name}" for table "{table.name.name}" does not exist')
    draft.cause(
        "toggle-trigger",
        table.name,
        Mode.SHARE_ROW_EXCLUSIVE,
        "",
        trigger=name or "ALL",
        off="yes" if off else "",
    )
    return table


def attach(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """ATTACH PARTITION."""
    of_partitions.attach(draft, table, getattr(cmd, "def").partition_cmd)
    return draft.relation(table.name)


def detach(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """DETACH PARTITION."""
    of_partitions.detach(draft, table, getattr(cmd, "def").partition_cmd)
    return draft.relation(table.name)


TRIGGERS = (
    AT.EnableTrig,
    AT.EnableAlwaysTrig,
    AT.EnableReplicaTrig,
    AT.DisableTrig,
    AT.EnableTrigAll,
    AT.DisableTrigAll,
    AT.EnableTrigUser,
    AT.DisableTrigUser,
)
COMMANDS = {
    AT.SetLogged: logged,
    AT.SetUnLogged: logged,
    AT.SetTableSpace: tablespace,
    AT.SetAccessMethod: access_method,
    AT.ChangeOwner: owner,
    AT.AddInherit: inherit,
    AT.DropInherit: no_inherit,
    AT.ReplicaIdentity: replica_identity,
    AT.ClusterOn: cluster_on,
    AT.EnableRowSecurity: row_security,
    AT.DisableRowSecurity: row_security,
    AT.ForceRowSecurity: row_security,
    AT.NoForceRowSecurity: row_security,
    AT.AttachPartition: attach,
    AT.DetachPartition: detach,
    **dict.fromkeys(TRIGGERS, trigger),
}
