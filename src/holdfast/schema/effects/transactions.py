"""BEGIN, COMMIT, SAVEPOINT, SET: what changes the session and the transaction, not the catalog."""

from __future__ import annotations

from holdfast.schema.catalog.world import World
from holdfast.schema.effects.draft import Draft
from holdfast.schema.parse import Node, inner

BEGIN, START, COMMIT, ROLLBACK = 1, 2, 3, 4
SAVEPOINT, RELEASE, ROLLBACK_TO = 5, 6, 7
LISTS = frozenset({"search_path"})


def controlled(kind: str, node: Node, world: World) -> bool:
    """Carry out what a statement does to the transaction; False if it is another statement."""
    if kind == "transaction_stmt":
        _transaction(node, world)
        return True
    if kind == "variable_set_stmt":
        _set(node, world)
        return True
    return False


def _transaction(node: Node, world: World) -> None:
    transaction = world.transaction
    if node.kind in (BEGIN, START):
        if transaction is None:
            world.begin(by_tool=False)
            _mark(world, "")
        return
    if transaction is None:
        return
    if node.kind == COMMIT:
        world.commit()
    elif node.kind == ROLLBACK:
        world.rollback(transaction.savepoints[0][1] if transaction.savepoints else world.mark)
    elif node.kind == SAVEPOINT:
        _mark(world, node.savepoint_name)
    elif node.kind == ROLLBACK_TO:
        marks = [mark for name, mark in transaction.savepoints if name == node.savepoint_name]
        if marks:
            world.undo(marks[-1])
            # Locks taken since then are given back; which ones those are is not kept.


def _mark(world: World, name: str) -> None:
    if world.transaction is not None:
        world.transaction.savepoints.append((name, world.mark))


def value_of(node: Node) -> str:
    """The value of a SET as text, a list joined by commas."""
    values = []
    for arg in node.args:
        kind, here = inner(arg)
        if kind == "a_const":
            values.append(constant(here))
        elif kind == "type_cast":
            values.append(constant(here.arg.a_const))
    return ", ".join(values)


def constant(node: Node) -> str:
    """An A_Const as text."""
    which = node.WhichOneof("val")
    if which == "sval":
        return str(node.sval.sval)
    if which == "ival":
        return str(node.ival.ival)
    if which == "fval":
        return str(node.fval.fval)
    if which == "boolval":
        return "true" if node.boolval.boolval else "false"
    return ""


def _set(node: Node, world: World) -> None:
    name = node.name.lower()
    transaction = world.transaction
    if node.kind == 6:  # RESET ALL
        world.settings.clear()
        return
    if node.is_local:
        if transaction is not None:
            transaction.local[name] = value_of(node)
        return
    if transaction is not None:
        transaction.local.pop(name, None)
    if node.kind in (2, 5):  # SET ... TO DEFAULT, RESET
        world.settings.pop(name, None)
    else:
        world.settings[name] = value_of(node)


def setting(draft: Draft, node: Node) -> None:
    """SET, RESET: for the rules alone."""
    draft.cause(
        "set", name=node.name.lower(), value=value_of(node), local="yes" if node.is_local else ""
    )


STATEMENTS = {"variable_set_stmt": setting}
