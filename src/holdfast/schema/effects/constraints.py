"""Constraints that a table takes: CHECK, NOT NULL, UNIQUE, PRIMARY KEY, EXCLUDE."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.schema.catalog.objects import Constraint, Index, Relation, replace
from holdfast.schema.effects import columns as of
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.effects.expressions import columns as columns_of
from holdfast.schema.effects.expressions import proven_not_null
from holdfast.schema.effects.foreign_keys import add_foreign_key
from holdfast.schema.effects.naming import chosen, composed
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, deparsed, inner, strings

AE = Mode.ACCESS_EXCLUSIVE


@dataclass(frozen=True, slots=True)
class Asked:
    """A constraint as it was asked for.

    `column` is the one whose definition it stands in, `new_column` that this column is being
    added, `filled` that it gets a value in every row; `creating` that the table is.
    """

    node: Node
    column: str = ""
    deferrable: bool = False
    deferred: bool = False
    creating: bool = False
    new_column: bool = False
    filled: bool = False
    only: bool = False


def add_constraint(draft: Draft, table: Relation, asked: Asked) -> Relation:
    """The table with one more constraint."""
    what = asked.node.contype
    if what == of.CHECK:
        return _check(draft, table, asked)
    if what == of.NOT_NULL:
        return _not_null(draft, table, asked)
    if what == of.FOREIGN:
        deferrable = asked.deferrable or asked.node.deferrable
        deferred = asked.deferred or asked.node.initdeferred
        return add_foreign_key(
            draft,
            table,
            asked.node,
            asked.column,
            _validated(asked),
            creating=asked.creating,
            deferral=(deferrable, deferred),
        )
    if what in (of.PRIMARY, of.UNIQUE, of.EXCLUSION):
        return _indexed(draft, table, asked)
    return table


def _validated(asked: Asked) -> bool:
    """Whether existing rows are looked at."""
    if asked.node.contype == of.FOREIGN and asked.new_column:
        return asked.filled
    return not asked.node.skip_validation and _enforced(asked.node)


def _enforced(node: Node) -> bool:
    return bool(node.is_enforced) or node.contype not in (of.CHECK, of.FOREIGN)


def name_taken(table: Relation, name: str) -> None:
    """Refuse a second constraint of one name."""
    if name and table.constraint(name) is not None:
        raise Failed(
            "42710", f'constraint "{name}" for relation "{table.name.name}" already exists'
        )


def free_name(table: Relation, columns: tuple[str, ...], label: str) -> str:
    """The name that PostgreSQL gives a constraint without one."""
    name, number = composed(table.name.name, "_".join(columns), label), 0
    while table.constraint(name) is not None:
        number += 1
        name = composed(table.name.name, "_".join(columns), f"{label}{number}")
    return name


def require_columns(table: Relation, columns: tuple[str, ...]) -> None:
    """Refuse a column that the table is known not to have."""
    if not table.known:
        return
    for name in columns:
        if table.column(name) is None and name not in SYSTEM_COLUMNS:
            raise Failed("42703", f'column "{name}" does not exist')


SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", ""})


def _check(draft: Draft, table: Relation, asked: Asked) -> Relation:
    node = asked.node
    if table.kind == "v":
        raise Failed("42809", f'"{table.name.name}" is not a table')
    used = columns_of(node.raw_expr)
    require_columns(table, used)
    name_taken(table, node.conname)
    if not node.is_enforced and draft.version < 18:
        raise Failed("42601", "NOT ENFORCED needs PostgreSQL 18")
    found = Constraint(
        node.conname or free_name(table, used[:1] if len(used) == 1 else (), "check"),
        "c",
        used,
        validated=not node.skip_validation or asked.creating,
        not_null=proven_not_null(node.raw_expr),
        expression=deparsed(*inner(node.raw_expr)),
        no_inherit=node.is_no_inherit,
        named=bool(node.conname),
        enforced=bool(node.is_enforced),
    )
    if not asked.creating:
        _look_at_rows(draft, table, asked, found)
    return replace(table, constraints=(*table.constraints, found))


def _look_at_rows(draft: Draft, table: Relation, asked: Asked, found: Constraint) -> None:
    """Scan the table and whoever inherits, unless it is NOT VALID."""
    scanning = _validated(asked)
    members = (table,) if found.no_inherit else tuple(draft.tree(table))
    if len(members) > 1 and asked.only and not found.no_inherit:
        raise Failed("42P16", "constraint must be added to child tables too")
    for member in members:
        if scanning and member.kind == "r":
            draft.scan(member.name)
        if member is not table:
            draft.put(
                replace(member, constraints=(*member.constraints, replace(found, inherited=True)))
            )
    kind = "add-column.check" if asked.new_column else "add-check"
    if asked.column and not asked.new_column:
        kind = "add-check"
    facts = {"constraint": found.name, "expression": found.expression,
             "valid": "yes" if scanning else ""}  # fmt: skip
    draft.cause(kind, table.name, AE, "scan" if scanning else "", **facts)


def _not_null(draft: Draft, table: Relation, asked: Asked) -> Relation:
    """ADD CONSTRAINT ... NOT NULL column, from PostgreSQL 18 on."""
    if draft.version < 18 and not asked.creating:
        raise Failed("42601", "a NOT NULL table constraint needs PostgreSQL 18")
    keys = strings(asked.node.keys)
    if asked.creating:
        return replace(
            table,
            columns=tuple(
                c._replace(not_null=True) if c.name in keys else c for c in table.columns
            ),
        )
    require_columns(table, keys)
    if asked.node.skip_validation:
        found = Constraint(
            asked.node.conname or free_name(table, keys, "not_null"), "n", keys, validated=False
        )
        draft.cause("set-not-null", table.name, AE, "", column=keys[0], valid="")
        return replace(table, constraints=(*table.constraints, found))
    return set_not_null(draft, table, keys[0], only=asked.only)


def proven(table: Relation, column: str, version: int) -> bool:
    """Whether a validated CHECK shows the column to be not null (used from 12 on)."""
    return version >= 12 and any(
        column in c.not_null and c.validated and c.enforced
        for c in table.constraints
        if c.kind == "c"
    )


def set_not_null(
    draft: Draft, table: Relation, column: str, *, only: bool = False, quiet: bool = False
) -> Relation:
    """SET NOT NULL: a scan of every table below that no CHECK spares it."""
    require_columns(table, (column,))
    scanned = False
    for member in (table,) if only else tuple(draft.tree(table)):
        found = member.column(column)
        if found is not None and found.not_null:
            waiting = [c for c in member.constraints if c.kind == "n" and column in c.columns]
            if not any(not c.validated for c in waiting):
                continue
        if member.kind == "r" and not proven(member, column, draft.version):
            draft.scan(member.name)
            scanned = scanned or not draft.fresh(member.name)
        changed = replace(
            member,
            columns=tuple(
                c._replace(not_null=True) if c.name == column else c for c in member.columns
            ),
            constraints=tuple(
                c for c in member.constraints if not (c.kind == "n" and c.columns == (column,))
            ),
        )
        if member is table:
            table = changed
        else:
            draft.put(changed)
    if not quiet:
        draft.breaks.append(f"writes that leave {table.name.short}.{column} NULL fail")
        draft.cause(
            "set-not-null", table.name, AE, "scan" if scanned else "", column=column, valid="yes"
        )
    return table


def _indexed(draft: Draft, table: Relation, asked: Asked) -> Relation:
    node = asked.node
    kind = {of.PRIMARY: "p", of.UNIQUE: "u", of.EXCLUSION: "x"}[node.contype]
    if kind == "p" and any(c.kind == "p" for c in table.constraints):
        raise Failed(
            "42P16", f'multiple primary keys for table "{table.name.name}" are not allowed'
        )
    name_taken(table, node.conname)
    if node.indexname:
        return _using_index(draft, table, asked, kind)
    columns = strings(node.keys) or ((asked.column,) if asked.column else ())
    if kind == "x":
        columns = tuple(e.list.items[0].index_elem.name for e in node.exclusions)
    require_columns(table, tuple(filter(None, columns)))
    if kind == "p":
        label = "pkey"
        name = node.conname or chosen(draft, table.name, (), label)
    else:
        label = "key" if kind == "u" else "excl"
        name = node.conname or chosen(draft, table.name, columns, label)
    index = draft.born(
        Index(
            Name(table.name.schema, name),
            table.name,
            columns,
            unique=kind != "x",
            method=node.access_method or "btree",
            constraint=name,
            used=columns,
            include=strings(node.including),
        )
    )
    if draft.found(index.name) is not None and node.conname:
        raise Failed("42P07", f'relation "{name}" already exists')
    found = Constraint(
        name,
        kind,
        columns,
        index=index.name,
        named=bool(node.conname),
        deferrable=asked.deferrable or node.deferrable,
        deferred=asked.deferred or node.initdeferred,
    )
    table = _primary_columns(draft, table, asked, columns) if kind == "p" else table
    table = replace(
        table,
        constraints=(*table.constraints, found),
        indexes=(*table.indexes, index.name),
    )
    draft.put(index)
    _for_partitions(draft, table, asked, index, found)
    _tell(draft, table, asked, found)
    return table


def _tell(draft: Draft, table: Relation, asked: Asked, found: Constraint) -> None:
    if asked.creating:
        return
    if table.kind != "p":
        assert found.index is not None
        draft.build(found.index, table.name)
    kind = {"p": "add-primary-key", "u": "add-unique", "x": "add-exclude"}[found.kind]
    if asked.new_column and found.kind != "x":
        kind = "add-column.unique"
    draft.cause(
        kind,
        table.name,
        AE,
        "build",
        constraint=found.name,
        columns=", ".join(found.columns),
        primary="yes" if found.kind == "p" else "",
    )


def _for_partitions(
    draft: Draft, table: Relation, asked: Asked, index: Index, found: Constraint
) -> None:
    """Every partition gets an index and a constraint of its own."""
    if table.kind != "p":
        return
    if asked.only:
        draft.put(replace(index, only=True))
        return
    children = []
    for member in draft.tree(table):
        if member.name == table.name:
            continue
        label = {"p": "pkey", "u": "key"}.get(found.kind, "excl")
        columns = () if found.kind == "p" else found.columns
        name = chosen(draft, member.name, columns, label)
        own = replace(
            index,
            name=Name(member.name.schema, name),
            table=member.name,
            constraint=name,
            parent=index.name,
        )
        children.append(own.name)
        draft.put(own)
        draft.put(
            replace(
                member,
                constraints=(
                    *member.constraints,
                    replace(found, name=name, index=own.name, inherited=True),
                ),
                indexes=(*member.indexes, own.name),
            )
        )
        draft.lock(member.name, Mode.SHARE)
        if member.kind == "r" and not asked.creating:
            draft.build(own.name, member.name)
    draft.put(replace(index, children=tuple(children)))


def _primary_columns(
    draft: Draft, table: Relation, asked: Asked, columns: tuple[str, ...]
) -> Relation:
    """A primary key makes its columns NOT NULL, which reads the table if they were not."""
    for column in columns:
        found = table.column(column)
        if found is None or found.not_null or asked.creating or asked.new_column:
            table = replace(
                table,
                columns=tuple(
                    c._replace(not_null=True) if c.name == column else c for c in table.columns
                ),
            )
            continue
        draft.cause("primary-key.nullable", table.name, AE, "scan", column=column)
        for member in draft.tree(table):
            draft.lock(member.name, AE)
        table = set_not_null(draft, table, column, quiet=True)
    return table


def _using_index(draft: Draft, table: Relation, asked: Asked, kind: str) -> Relation:
    node = asked.node
    index = draft.index(Name(table.name.schema, node.indexname), "42704")
    columns: tuple[str, ...] = ()
    if index is not None:
        _fit(index, table)
        columns = index.columns
    elif draft.missing_index(table, node.indexname):
        raise Failed("42704", f'index "{node.indexname}" does not exist')
    name = node.conname or node.indexname
    found = Constraint(
        name,
        kind,
        columns,
        index=Name(table.name.schema, name),
        deferrable=node.deferrable,
        deferred=node.initdeferred,
    )
    if kind == "p":
        table = _primary_columns(draft, table, asked, columns)
    if index is not None:
        renamed = replace(index, name=Name(table.name.schema, name), constraint=name)
        if renamed.name != index.name:
            draft.lock(index.name, Mode.SHARE_UPDATE_EXCLUSIVE if draft.version >= 12 else AE)
        draft.drop(index.name)
        draft.put(renamed)
        others = tuple(n for n in table.indexes if n != index.name)
        table = replace(table, indexes=(*others, renamed.name))
    draft.cause("using-index", table.name, AE, "", constraint=name)
    return replace(table, constraints=(*table.constraints, found))


def _fit(index: Index, table: Relation) -> None:
    if index.table != table.name:
        raise Failed(
            "55000", f'index "{index.name.name}" does not belong to table "{table.name.name}"'
        )
    if index.constraint:
        raise Failed("55000", f'index "{index.name.name}" is already associated with a constraint')
    if not index.valid:
        raise Failed("55000", f'index "{index.name.name}" is not valid')
    if not index.unique:
        raise Failed("42809", f'"{index.name.name}" is not a unique index')
    if index.expressions or index.predicate:
        raise Failed("42809", f'index "{index.name.name}" contains expressions or is partial')
