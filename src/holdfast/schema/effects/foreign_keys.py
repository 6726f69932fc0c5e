"""Foreign keys: two tables are locked, one is read, the other asked."""

from __future__ import annotations

from holdfast.schema.catalog.objects import Constraint, Relation, replace
from holdfast.schema.catalog.types import BUILT_IN, NUMBERS, TEXTS
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.naming import composed
from holdfast.schema.effects.typenames import base_of
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, strings

SRE = Mode.SHARE_ROW_EXCLUSIVE


def add_foreign_key(
    draft: Draft,
    table: Relation,
    node: Node,
    column: str,
    validated: bool,
    *,
    creating: bool,
    deferral: tuple[bool, bool],
) -> Relation:
    """The table with one more foreign key; the referenced table knows of it too."""
    here = strings(node.fk_attrs) or (column,)
    target = _target(draft, table, node)
    _refuse(draft, table, target, node, here)
    there = strings(node.pk_attrs) or _primary_key(target)
    _matching(draft, table, target, here, there)
    name = node.conname or _free(table, here, draft.version)
    found = Constraint(
        name,
        "f",
        here,
        validated=not node.skip_validation or creating,
        target=target.name,
        target_columns=there,
        deferrable=deferral[0],
        deferred=deferral[1],
        named=bool(node.conname),
        enforced=bool(node.is_enforced),
    )
    _lock(draft, table, target, creating)
    scanning = validated and not creating
    changed = _in_partitions(draft, table, found, scanning)
    mode = SRE
    facts = {"constraint": name, "columns": ", ".join(here), "target": target.name.sql,
             "target_columns": ", ".join(there), "valid": "yes" if scanning else "",
             "creating": "yes" if creating else "",
             "target_new": "yes" if draft.fresh(target.name) else ""}  # fmt: skip
    draft.cause("add-foreign-key", table.name, mode, "scan" if scanning else "", **facts)
    if target.name != table.name:
        draft.cause(
            "foreign-key.target",
            target.name,
            mode,
            "scan" if scanning else "",
            source=table.name.short,
            **facts,
        )
        pair = (table.name, name)
        target = draft.relation(target.name)
        draft.put(replace(target, referenced_by=(*target.referenced_by, pair)))
        return changed
    return replace(changed, referenced_by=(*changed.referenced_by, (table.name, name)))


def _target(draft: Draft, table: Relation, node: Node) -> Relation:
    name = draft.named(node.pktable)
    if name == table.name:
        return table
    return draft.relation(name)


def _refuse(
    draft: Draft, table: Relation, target: Relation, node: Node, here: tuple[str, ...]
) -> None:
    if node.conname and table.constraint(node.conname) is not None:
        raise Failed(
            "42710", f'constraint "{node.conname}" for relation "{table.name.name}" already exists'
        )
    if table.kind == "p" and node.skip_validation and draft.version < 18:
        draft.cause("foreign-key.partitioned-not-valid", table.name, constraint=node.conname)
        raise Failed(
            "42809",
            "cannot add NOT VALID foreign key on partitioned table"
            f' "{table.name.name}" referencing relation "{target.name.name}"',
        )
    if target.known and target.kind not in "rp":
        raise Failed("42809", f'referenced relation "{target.name.name}" is not a table')
    if target.kind == "p" and draft.version < 12:
        raise Failed("42809", f'cannot reference partitioned table "{target.name.name}"')
    if target.known and target.persistence != "p" and table.persistence == "p":
        raise Failed("42P16", "constraints on permanent tables may reference only permanent tables")
    for relation, columns in ((table, here), (target, strings(node.pk_attrs))):
        for column in columns:
            if relation.known and relation.column(column) is None:
                raise Failed(
                    "42703",
                    f'column "{column}" referenced in foreign key constraint does not exist',
                )


def _primary_key(target: Relation) -> tuple[str, ...]:
    found = next((c for c in target.constraints if c.kind == "p"), None)
    if found is None and target.known:
        raise Failed("42704", f'there is no primary key for referenced table "{target.name.name}"')
    return found.columns if found is not None else ()


def _matching(
    draft: Draft,
    table: Relation,
    target: Relation,
    here: tuple[str, ...],
    there: tuple[str, ...],
) -> None:
    """A unique index behind the referenced columns, and types that can be compared."""
    if not target.known or not there:
        return
    if len(here) != len(there):
        raise Failed("42830", "number of referencing and referenced columns disagree")
    keys = [c.columns for c in target.constraints if c.kind in "pu"]
    keys += [i.columns for i in draft.indexes(target) if i.unique and not i.predicate]
    if not any(sorted(key) == sorted(there) for key in keys):
        raise Failed(
            "42830",
            "there is no unique constraint matching given keys for referenced"
            f' table "{target.name.name}"',
        )
    for mine, its in zip(here, there, strict=True):
        one, other = table.column(mine), target.column(its)
        if one is not None and other is not None:
            _comparable(
                draft,
                one.type.name and base_of(one.type, draft)[0].name,
                other.type.name and base_of(other.type, draft)[0].name,
            )


def _comparable(draft: Draft, one: str, other: str) -> None:
    if one == other or one not in BUILT_IN or other not in BUILT_IN:
        return
    groups = (NUMBERS, TEXTS, ("date", "timestamp", "timestamptz"))
    if not any(one in group and other in group for group in groups):
        raise Failed(
            "42804",
            f"foreign key constraint cannot be implemented: incompatible types {one} and {other}",
        )


def _free(table: Relation, columns: tuple[str, ...], version: int) -> str:
    shown = "_".join(columns if version >= 12 else columns[:1])
    name, number = composed(table.name.name, shown, "fkey"), 0
    while table.constraint(name) is not None:
        number += 1
        name = composed(table.name.name, shown, f"fkey{number}")
    return name


def _lock(draft: Draft, table: Relation, target: Relation, creating: bool) -> None:
    for member in draft.tree(target) if target.kind == "p" else (target,):
        draft.lock(member.name, SRE)
    if not creating and table.kind == "p":
        for member in draft.tree(table):
            draft.lock(member.name, SRE)


def _in_partitions(draft: Draft, table: Relation, found: Constraint, scanning: bool) -> Relation:
    if scanning and table.kind == "r":
        draft.scan(table.name)
    if table.kind == "p":
        for member in draft.tree(table):
            if member.name == table.name:
                continue
            draft.put(
                replace(member, constraints=(*member.constraints, replace(found, inherited=True)))
            )
            if scanning and member.kind == "r":
                draft.scan(member.name)
    return replace(table, constraints=(*table.constraints, found))


def drop_foreign_key(draft: Draft, table: Name, found: Constraint) -> None:
    """Removing a foreign key removes triggers of the referenced table, under its strongest lock."""
    if found.target is None:
        return
    target = draft.found(found.target)
    if found.target != table:
        draft.lock(found.target, Mode.ACCESS_EXCLUSIVE)
        for member in draft.tree(target) if isinstance(target, Relation) else ():
            draft.lock(member.name, Mode.ACCESS_EXCLUSIVE)
        draft.cause(
            "drop-foreign-key",
            found.target,
            Mode.ACCESS_EXCLUSIVE,
            "",
            constraint=found.name,
            source=table.short,
        )
    if isinstance(target, Relation):
        draft.put(
            replace(
                target,
                referenced_by=tuple(
                    pair for pair in target.referenced_by if pair != (table, found.name)
                ),
            )
        )
