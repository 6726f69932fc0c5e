"""ALTER TABLE: which lock, on whom, and which subcommand goes where.

PostgreSQL takes one lock for the whole statement: the strongest that a subcommand needs
(AlterTableGetLockLevel), on the table and, for what recurses, on everything that inherits.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Index, Relation
from holdfast.schema.effects import alter_columns, alter_constraints, alter_storage, column_types
from holdfast.schema.effects import partitions as of_partitions
from holdfast.schema.effects.columns import FOREIGN
from holdfast.schema.effects.draft import Draft
from holdfast.schema.effects.rows import refuse_pending
from holdfast.schema.effects.subcommands import AT
from holdfast.schema.names import Mode
from holdfast.schema.parse import Node

AE, SRE, SUE = Mode.ACCESS_EXCLUSIVE, Mode.SHARE_ROW_EXCLUSIVE, Mode.SHARE_UPDATE_EXCLUSIVE
INDEX, SEQUENCE, VIEW, TYPE = 21, 38, 52, 50

Command = Callable[[Draft, Relation, Node, bool], Relation]

LOCKS = {
    AT.SetStatistics: SUE, AT.SetOptions: SUE, AT.ResetOptions: SUE, AT.ClusterOn: SUE,
    AT.DropCluster: SUE, AT.ValidateConstraint: SUE, AT.DetachPartitionFinalize: SUE,
    AT.EnableTrig: SRE, AT.EnableAlwaysTrig: SRE, AT.EnableReplicaTrig: SRE, AT.DisableTrig: SRE,
    AT.EnableTrigAll: SRE, AT.DisableTrigAll: SRE, AT.EnableTrigUser: SRE, AT.DisableTrigUser: SRE,
}  # fmt: skip
"""Everything else: ACCESS EXCLUSIVE."""

RECURSES = frozenset({
    AT.AddColumn, AT.ColumnDefault, AT.DropNotNull, AT.SetNotNull, AT.SetStatistics,
    AT.SetStorage, AT.DropColumn, AT.DropConstraint, AT.AlterColumnType, AT.SetExpression,
    AT.DropExpression, AT.ValidateConstraint, AT.AddConstraint,
    AT.EnableTrig, AT.DisableTrig, AT.EnableTrigAll, AT.DisableTrigAll, AT.EnableTrigUser,
    AT.DisableTrigUser, AT.EnableAlwaysTrig, AT.EnableReplicaTrig,
})  # fmt: skip
PARTITIONS_ONLY = frozenset({
    AT.EnableTrig, AT.DisableTrig, AT.EnableTrigAll, AT.DisableTrigAll, AT.EnableTrigUser,
    AT.DisableTrigUser, AT.EnableAlwaysTrig, AT.EnableReplicaTrig,
})  # fmt: skip
"""These go to partitions, and not to the children of plain inheritance."""

COMMANDS: dict[int, Command] = {
    **alter_columns.COMMANDS,
    **alter_constraints.COMMANDS,
    **alter_storage.COMMANDS,
    **column_types.COMMANDS,
}
PASSES = {AT.DropColumn: 0, AT.DropConstraint: 0, AT.AlterColumnType: 1, AT.AddColumn: 2,
          AT.ColumnDefault: 4, AT.SetNotNull: 4}  # fmt: skip
"""The order in which PostgreSQL carries subcommands out, whatever their order in the text."""

SUE_OPTIONS = (
    "fillfactor",
    "autovacuum_",
    "toast_tuple_target",
    "parallel_workers",
    "vacuum_",
    "log_autovacuum",
    "deduplicate_items",
    "n_distinct",
)


def alter_table(draft: Draft, node: Node) -> None:
    """ALTER TABLE | INDEX | VIEW | SEQUENCE | MATERIALIZED VIEW | TYPE ... subcommands."""
    if node.objtype == TYPE:
        return
    name = draft.named(node.relation)
    if node.missing_ok and draft.missing(Key("class", name)):
        return
    commands = [wrapped.alter_table_cmd for wrapped in node.cmds]
    if node.objtype == INDEX or isinstance(draft.found(name), Index):
        _index(draft, node, commands)
        return
    refuse_pending(draft, name, "ALTER TABLE")
    table = draft.relation(name)
    mode = max(_lock_of(draft, cmd) for cmd in commands)
    _lock(draft, table, commands, mode, node.relation.inh)
    for cmd in sorted(commands, key=_pass):
        _run(draft, cmd, name, node.relation.inh)
    draft.cause("alter-table", name, mode, commands=str(len(commands)))
    if table.children and any(draft.locks.get(child) for child in table.children):
        draft.cause(
            "alter-parent",
            name,
            mode,
            children=str(len(table.children)),
            partitioned="yes" if table.kind == "p" else "",
        )


def _run(draft: Draft, cmd: Node, name: object, recurse: bool) -> None:
    family = COMMANDS.get(cmd.subtype)
    if family is None:
        return
    table = draft.relation(name)  # type: ignore[arg-type]
    changed = family(draft, table, cmd, recurse)
    if changed is not table:
        draft.put(changed)


def _pass(cmd: Node) -> int:
    if cmd.subtype == AT.AddConstraint:
        what = getattr(cmd, "def").constraint
        return 6 if what.contype == FOREIGN else 5 if what.contype in (7, 8, 9) else 3
    return PASSES.get(cmd.subtype, 7)


def _lock_of(draft: Draft, cmd: Node) -> Mode:
    kind = cmd.subtype
    inside = getattr(cmd, "def")
    if kind == AT.AddConstraint and inside.constraint.contype == FOREIGN:
        return SRE
    if kind == AT.AttachPartition:
        return SUE if draft.version >= 12 else AE
    if kind == AT.DetachPartition and inside.partition_cmd.concurrent:
        return SUE
    if kind in (AT.SetRelOptions, AT.ResetRelOptions):
        names = [item.def_elem.defname for item in inside.list.items]
        return SUE if all(name.startswith(SUE_OPTIONS) for name in names) else AE
    return LOCKS.get(kind, AE)


def _lock(draft: Draft, table: Relation, commands: list[Node], mode: Mode, inh: bool) -> None:
    draft.lock(table.name, mode)
    if not inh:
        return
    if any(_recurses(draft, table, cmd) for cmd in commands):
        for member in draft.tree(table):
            draft.lock(member.name, mode)


def _recurses(draft: Draft, table: Relation, cmd: Node) -> bool:
    if cmd.subtype == AT.AddConstraint:
        what = getattr(cmd, "def").constraint
        if what.contype in (7, 8, 9, FOREIGN):
            return table.kind == "p" and (what.contype == FOREIGN or draft.version >= 18)
        return not what.is_no_inherit or draft.version >= 18
    if cmd.subtype in PARTITIONS_ONLY:
        return table.kind == "p" and bool(table.triggers)
    return cmd.subtype in RECURSES


def _index(draft: Draft, node: Node, commands: list[Node]) -> None:
    name = draft.named(node.relation)
    draft.index(name)
    for cmd in commands:
        inside = getattr(cmd, "def")
        if cmd.subtype == AT.AttachPartition:
            of_partitions.attach_index(draft, name, inside.partition_cmd)
        else:
            draft.lock(name, _lock_of(draft, cmd))
            if cmd.subtype == AT.SetTableSpace:
                draft.cause("set-tablespace", name, AE, "rewrite", tablespace=cmd.name)
                draft.builds[name] = None


STATEMENTS = {"alter_table_stmt": alter_table}
