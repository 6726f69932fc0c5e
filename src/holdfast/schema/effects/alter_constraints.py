"""ADD, DROP, VALIDATE and ALTER CONSTRAINT of an existing table."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Constraint, Relation, replace
from holdfast.schema.effects.alter_columns import referenced
from holdfast.schema.effects.constraints import Asked, add_constraint
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.foreign_keys import drop_foreign_key
from holdfast.schema.effects.subcommands import AT
from holdfast.schema.names import Mode
from holdfast.schema.parse import Node, inner

AE, SUE = Mode.ACCESS_EXCLUSIVE, Mode.SHARE_UPDATE_EXCLUSIVE


def add(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """ADD CONSTRAINT."""
    node = getattr(cmd, "def").constraint
    return add_constraint(draft, table, Asked(node, only=not recurse))


def _missing(table: Relation, name: str, missing_ok: bool) -> Constraint | None:
    found = table.constraint(name)
    if found is None and table.known and not missing_ok:
        raise Failed("42704", f'constraint "{name}" of relation "{table.name.name}" does not exist')
    return found


def drop(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """DROP CONSTRAINT: with its index, and a foreign key's triggers on the other table."""
    found = _missing(table, cmd.name, cmd.missing_ok)
    if found is None:
        draft.cause("drop-constraint", table.name, AE, "", constraint=cmd.name, kind="")
        return table
    if found.inherited:
        raise Failed(
            "42P16",
            f'cannot drop inherited constraint "{cmd.name}" of relation "{table.name.name}"',
        )
    if found.kind in "pu":
        referenced(draft, table, found.columns, cmd.behavior == 2, f"constraint {cmd.name}")
    for member in tuple(draft.tree(table)) if recurse else (table,):
        _remove(draft, draft.relation(member.name), found, member is not table)
    draft.cause(
        "drop-constraint",
        table.name,
        AE,
        "",
        constraint=cmd.name,
        kind=found.kind,
        columns=", ".join(found.columns),
    )
    return draft.relation(table.name)


def _remove(draft: Draft, table: Relation, found: Constraint, child: bool) -> None:
    own = (
        found
        if not child
        else next(
            (
                c
                for c in table.constraints
                if c.kind == found.kind and c.columns == found.columns and c.inherited
            ),
            None,
        )
    )
    if own is None:
        return
    if own.kind == "f":
        drop_foreign_key(draft, table.name, own)
        table = draft.relation(table.name)
    indexes = table.indexes
    if own.index is not None:
        draft.lock(own.index, AE)
        draft.drop(own.index)
        indexes = tuple(name for name in indexes if name != own.index)
    draft.put(
        replace(
            table,
            indexes=indexes,
            constraints=tuple(c for c in table.constraints if c is not own and c.name != own.name),
        )
    )


def validate(draft: Draft, table: Relation, cmd: Node, recurse: bool) -> Relation:
    """VALIDATE CONSTRAINT: a scan that writers do not wait for."""
    found = _missing(table, cmd.name, missing_ok=False)
    if found is None:
        draft.scan(table.name)
        draft.cause("validate", table.name, SUE, "scan", constraint=cmd.name)
        return replace(table, constraints=tuple(table.constraints))
    if found.kind not in "cfn":
        raise Failed(
            "42809",
            f'constraint "{cmd.name}" of relation "{table.name.name}" is not a'
            " foreign key or check constraint",
        )
    if not found.enforced:
        raise Failed("42809", "cannot validate NOT ENFORCED constraint")
    if found.validated:
        return table
    for member in tuple(draft.tree(table)) if recurse else (table,):
        if member.kind == "r" and (member is table or not found.no_inherit):
            draft.scan(member.name)
    if found.kind == "f" and found.target is not None:
        draft.lock(found.target, Mode.ROW_SHARE)
        draft.cause("foreign-key.asked", found.target, Mode.ROW_SHARE)
    draft.cause("validate", table.name, SUE, "scan", constraint=cmd.name, kind=found.kind)
    valid = replace(found, validated=True)
    columns = table.columns
    if found.kind == "n":
        columns = tuple(
            c._replace(not_null=True) if c.name in found.columns else c for c in columns
        )
    return replace(
        table,
        columns=columns,
        constraints=tuple(valid if c.name == found.name else c for c in table.constraints),
    )


def alter(draft: Draft, table: Relation, cmd: Node, _recurse: bool) -> Relation:
    """ALTER CONSTRAINT: when a foreign key is checked."""
    _, inside = inner(getattr(cmd, "def"))
    name = inside.conname
    found = _missing(table, name, missing_ok=False)
    if found is not None and found.kind not in "fn":
        raise Failed(
            "42809",
            f'constraint "{name}" of relation "{table.name.name}" is not a foreign key constraint',
        )
    return table


COMMANDS = {
    AT.AddConstraint: add,
    AT.DropConstraint: drop,
    AT.ValidateConstraint: validate,
    AT.AlterConstraint: alter,
}
