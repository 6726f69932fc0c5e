"""Enums, domains and composite types."""

from __future__ import annotations

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Constraint, Relation, UserType, replace
from holdfast.schema.effects import columns as of
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.expressions import volatility
from holdfast.schema.effects.typenames import type_of
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, deparsed, inner, strings


def _made(draft: Draft, path: tuple[str, ...]) -> Name:
    name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "type", new=True)
    if draft.type(name) is not None:
        raise Failed("42710", f'type "{name.name}" already exists')
    return name


def create_enum(draft: Draft, node: Node) -> None:
    """CREATE TYPE ... AS ENUM."""
    name = _made(draft, strings(node.type_name))
    labels = strings(node.vals)
    draft.put_type(UserType(name, "e", labels=labels, born=draft.world.serial))


def create_composite(draft: Draft, node: Node) -> None:
    """CREATE TYPE ... AS (...)."""
    path = tuple(filter(None, (node.typevar.schemaname, node.typevar.relname)))
    draft.put_type(UserType(_made(draft, path), "c", born=draft.world.serial))


def create_range(draft: Draft, node: Node) -> None:
    """CREATE TYPE ... AS RANGE."""
    draft.put_type(UserType(_made(draft, strings(node.type_name)), "r", born=draft.world.serial))


def create_domain(draft: Draft, node: Node) -> None:
    """CREATE DOMAIN."""
    name = _made(draft, strings(node.domainname))
    found = UserType(name, "d", base=type_of(node.type_name, draft), born=draft.world.serial)
    for wrapped in node.constraints:
        found = _with(draft, found, wrapped.constraint)
    draft.put_type(found)


def _with(draft: Draft, found: UserType, node: Node) -> UserType:
    if node.contype == of.NOT_NULL:
        return replace(found, not_null=True)
    if node.contype == of.DEFAULT:
        return replace(found, default=volatility(node.raw_expr, draft))
    if node.contype == of.CHECK:
        number = len(found.constraints)
        name = node.conname or f"{found.name.name}_check{number or ''}"
        check = Constraint(
            name,
            "c",
            validated=not node.skip_validation,
            expression=deparsed(*inner(node.raw_expr)),
        )
        return replace(found, constraints=(*found.constraints, check))
    return found


def alter_enum(draft: Draft, node: Node) -> None:
    """ALTER TYPE ... ADD VALUE, RENAME VALUE."""
    path = strings(node.type_name)
    name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "type")
    found = draft.type(name)
    if found is None and draft.missing(Key("type", name)):
        raise Failed("42704", f'type "{name.name}" does not exist')
    inside = draft.version < 12 and draft.world.transaction is not None
    if not node.old_val and inside and (found is None or found.born != draft.world.serial):
        draft.cause("inside-transaction", what="ALTER TYPE ... ADD VALUE")
        raise Failed("25001", "ALTER TYPE ... ADD cannot run inside a transaction block")
    draft.cause(
        "enum.rename-value" if node.old_val else "enum.add-value",
        None,
        type=name.short,
        value=node.new_val,
        old=node.old_val,
    )
    if found is None:
        found = UserType(name)
    if node.old_val:
        labels = tuple(node.new_val if l == node.old_val else l for l in found.labels)  # noqa: E741
        draft.breaks.append(f"statements that name {node.old_val} of {name.short} fail")
        draft.put_type(replace(found, labels=labels))
        return
    if node.new_val in found.labels:
        if node.skip_if_new_val_exists:
            return
        raise Failed("42710", f'enum label "{node.new_val}" already exists')
    fresh = found.fresh_labels
    if found.born != draft.world.serial and draft.world.transaction is not None:
        fresh = (*fresh, (node.new_val, draft.world.serial))
    draft.put_type(replace(found, labels=(*found.labels, node.new_val), fresh_labels=fresh))


def alter_domain(draft: Draft, node: Node) -> None:
    """ALTER DOMAIN: every table with a column of it is read, under a SHARE lock."""
    path = strings(node.type_name)
    name = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "type")
    found = draft.type(name)
    if found is None and draft.missing(Key("type", name)):
        raise Failed("42704", f'type "{name.name}" does not exist')
    inside = getattr(node, "def")
    constraint = inside.constraint
    looks = node.subtype in ("O", "V") or (node.subtype == "C" and not constraint.skip_validation)
    users = _users(draft, name) if looks else []
    for table in users:
        draft.lock(table.name, Mode.SHARE)
        if table.kind in "rm":
            draft.scan(table.name)
    kind = {"C": "constraint", "O": "not null", "V": "validate"}.get(node.subtype, "")
    if looks:
        draft.cause(
            "alter-domain",
            users[0].name if users else None,
            Mode.SHARE,
            "scan",
            domain=name.short,
            action=kind,
            users=", ".join(t.name.short for t in users),
            constraint=constraint.conname if node.subtype == "C" else node.name,
        )
    if found is not None:
        draft.put_type(_altered(draft, found, node))


def _altered(draft: Draft, found: UserType, node: Node) -> UserType:
    if node.subtype == "O":
        return replace(found, not_null=True)
    if node.subtype == "N":
        return replace(found, not_null=False)
    if node.subtype == "T":
        kind, _ = inner(getattr(node, "def"))
        return replace(found, default=volatility(getattr(node, "def"), draft) if kind else "")
    if node.subtype == "C":
        return _with(draft, found, getattr(node, "def").constraint)
    if node.subtype == "X":
        if not node.missing_ok and not any(c.name == node.name for c in found.constraints):
            raise Failed(
                "42704", f'constraint "{node.name}" of domain "{found.name.name}" does not exist'
            )
        return replace(
            found, constraints=tuple(c for c in found.constraints if c.name != node.name)
        )
    return found


def _users(draft: Draft, name: Name) -> list[Relation]:
    """Tables with a column of this domain, or of one upon it."""
    facts = {**draft.world.facts, **draft.writes}
    found = []
    for fact in facts.values():
        if isinstance(fact, Relation) and fact.kind in "rpm":
            for column in fact.columns:
                kind, seen = column.type, 0
                while seen < 32:
                    if kind.name == str(name):
                        found.append(fact)
                        break
                    own = draft.type(Name(*kind.name.split(".", 1))) if "." in kind.name else None
                    if own is None or own.kind != "d":
                        break
                    kind, seen = own.base, seen + 1
                if found and found[-1] is fact:
                    break
    return found


STATEMENTS = {
    "create_enum_stmt": create_enum,
    "composite_type_stmt": create_composite,
    "create_range_stmt": create_range,
    "create_domain_stmt": create_domain,
    "alter_enum_stmt": alter_enum,
    "alter_domain_stmt": alter_domain,
}
