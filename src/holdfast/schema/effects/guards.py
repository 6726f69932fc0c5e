"""Triggers, rules, policies, publications, privileges: what stands beside a table."""

from __future__ import annotations

from holdfast.schema.catalog.catalog import Key
from holdfast.schema.catalog.objects import Relation, Trigger, replace
from holdfast.schema.effects.draft import Draft, Failed
from holdfast.schema.names import Mode, Name
from holdfast.schema.parse import Node, strings

AE, SRE = Mode.ACCESS_EXCLUSIVE, Mode.SHARE_ROW_EXCLUSIVE


def create_trigger(draft: Draft, node: Node) -> None:
    """CREATE [OR REPLACE] [CONSTRAINT] TRIGGER."""
    if node.replace and draft.version < 14:
        raise Failed("42601", "CREATE OR REPLACE TRIGGER needs PostgreSQL 14")
    table = draft.relation(draft.named(node.relation))
    path = strings(node.funcname)
    function = draft.resolved(path[-2] if len(path) > 1 else "", path[-1], "function")
    if draft.function(function) is None and draft.missing(Key("function", function)):
        raise Failed("42883", f"function {function.name}() does not exist")
    if any(t.name == node.trigname for t in table.triggers) and not node.replace:
        raise Failed(
            "42710", f'trigger "{node.trigname}" for relation "{table.name.name}" already exists'
        )
    trigger = Trigger(node.trigname, str(function))
    members = draft.tree(table) if table.kind == "p" and node.row else (table,)
    for member in tuple(members):
        draft.lock(member.name, SRE)
        others = tuple(t for t in member.triggers if t.name != node.trigname)
        draft.put(replace(member, triggers=(*others, trigger)))
    if node.HasField("constrrel"):
        draft.lock(draft.named(node.constrrel), Mode.ACCESS_SHARE)
    draft.cause("create-trigger", table.name, SRE, "", trigger=node.trigname)


def create_policy(draft: Draft, node: Node) -> None:
    """CREATE POLICY."""
    table = draft.relation(draft.named(node.table))
    if node.policy_name in table.policies:
        raise Failed(
            "42710", f'policy "{node.policy_name}" for table "{table.name.name}" already exists'
        )
    draft.lock(table.name, AE)
    draft.cause("policy", table.name, AE, "", policy=node.policy_name, action="CREATE")
    draft.put(replace(table, policies=(*table.policies, node.policy_name)))


def alter_policy(draft: Draft, node: Node) -> None:
    """ALTER POLICY."""
    table = draft.relation(draft.named(node.table))
    if table.known and node.policy_name not in table.policies:
        raise Failed(
            "42704", f'policy "{node.policy_name}" for table "{table.name.name}" does not exist'
        )
    draft.lock(table.name, AE)
    draft.cause("policy", table.name, AE, "", policy=node.policy_name, action="ALTER")


def create_rule(draft: Draft, node: Node) -> None:
    """CREATE RULE."""
    table = draft.relation(draft.named(node.relation))
    draft.lock(table.name, AE)
    draft.cause("rule", table.name, AE, "", name=node.rulename)
    draft.put(replace(table, rules=(*table.rules, node.rulename)))


def publication(draft: Draft, node: Node) -> None:
    """CREATE, ALTER PUBLICATION."""
    for wrapped in node.pubobjects:
        spec = wrapped.publication_obj_spec
        if spec.HasField("pubtable"):
            table = draft.relation(draft.named(spec.pubtable.relation))
            draft.lock(table.name, Mode.SHARE_UPDATE_EXCLUSIVE)
            draft.put(replace(table, published=True))
    if node.for_all_tables:
        draft.writes[Key("publication", Name("", node.pubname))] = Relation(
            Name("", node.pubname), "P"
        )


def grant(draft: Draft, node: Node) -> None:
    """GRANT, REVOKE: no lock on tables that anybody waits for."""
    draft.cause("privilege", None, what="GRANT" if node.is_grant else "REVOKE")


def role(draft: Draft, _node: Node) -> None:
    """GRANT role, CREATE ROLE, ALTER ROLE."""
    draft.cause("privilege", None, what="a role")


def alter_owner(draft: Draft, _node: Node) -> None:
    """ALTER ... OWNER TO of what is no table."""
    draft.cause("change-owner", None, AE, "")


def statistics(draft: Draft, node: Node) -> None:
    """CREATE STATISTICS."""
    for wrapped in node.relations:
        draft.lock(draft.named(wrapped.range_var), Mode.SHARE_UPDATE_EXCLUSIVE)


def extension(draft: Draft, node: Node) -> None:
    """CREATE EXTENSION."""
    draft.writes[Key("extension", Name("", node.extname))] = Relation(Name("", node.extname), "x")


def alter_sequence(draft: Draft, node: Node) -> None:
    """ALTER SEQUENCE: SHARE ROW EXCLUSIVE, and OWNED BY links it to a column."""
    name = draft.named(node.sequence)
    if node.missing_ok and draft.missing(Key("class", name)):
        return
    sequence = draft.relation(name)
    draft.lock(name, SRE)
    for option in node.options:
        element = option.def_elem
        if element.defname == "as":
            kind = strings(element.arg.type_name.names)[-1]
            sequence = replace(sequence, type=kind)
        if element.defname == "owned_by":
            sequence = _owned(draft, sequence, strings(element.arg.list.items))
    draft.put(sequence)


def _owned(draft: Draft, sequence: Relation, path: tuple[str, ...]) -> Relation:
    if len(path) < 2:
        return replace(sequence, owner_column=None)
    owner = draft.resolved(path[-3] if len(path) > 2 else "", path[-2], "class")
    table = draft.relation(owner)
    draft.lock(owner, Mode.ACCESS_SHARE)
    draft.put(replace(table, sequences=(*table.sequences, sequence.name)))
    return replace(sequence, owner_column=(owner, path[-1]))


STATEMENTS = {
    "create_trig_stmt": create_trigger,
    "create_policy_stmt": create_policy,
    "alter_policy_stmt": alter_policy,
    "rule_stmt": create_rule,
    "create_publication_stmt": publication,
    "alter_publication_stmt": publication,
    "grant_stmt": grant,
    "grant_role_stmt": role,
    "create_role_stmt": role,
    "alter_role_stmt": role,
    "alter_owner_stmt": alter_owner,
    "create_stats_stmt": statistics,
    "create_extension_stmt": extension,
    "alter_seq_stmt": alter_sequence,
}
