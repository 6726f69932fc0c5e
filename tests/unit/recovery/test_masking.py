from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import Invalid
from holdfast.recovery.masking import (
    ACTIONS,
    FAKES,
    Chosen,
    Column,
    Masking,
    Rule,
    chosen,
    expression,
    masking_of,
)


def column(name: str, kind: str = "text", **more: object) -> Column:
    return Column("shop", "public", "customer", name, kind, **more)  # type: ignore[arg-type]


COLUMNS = [
    column("id", "int4", nullable=False),
    column("name"),
    column("email", "varchar", length=20),
    column("born", "date"),
    column("total", "numeric", generated=True),
]


def rules(**actions: str | None) -> Masking:
    return masking_of({"columns": {f"shop.public.customer.{k}": v for k, v in actions.items()}})


def test_rules_choose_the_columns_that_change():
    found = chosen(rules(name="fake:name", email="hash", born=None, id="keep"), COLUMNS)
    assert [(each.column.name, each.rule.action) for each in found] == [
        ("name", "fake"),
        ("email", "hash"),
        ("born", "null"),
    ]


def test_the_last_rule_that_fits_wins():
    masking = masking_of(
        {"columns": {"*.*.customer.*": "hash", "shop.public.customer.[bt]o*": "keep"}}
    )
    assert [each.column.name for each in chosen(masking, COLUMNS)] == ["id", "name", "email"]


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ({"nmae": "hash"}, "there is no column shop.public.customer.nmae"),
        ({"id": "null"}, "id may not be null"),
        ({"born": "hash"}, "of type date cannot be hashed"),
        ({"name": "fake:date"}, "of type text cannot be date"),
        ({"total": "hash"}, "is computed from others"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(actions: dict[str, str], said: str):
    with pytest.raises(Invalid, match=said):
        chosen(rules(**actions), COLUMNS)


def test_columns_that_no_rule_speaks_of_can_be_refused():
    masking = masking_of({"columns": {"*.*.*.name": "hash"}, "unlisted": "refuse"})
    with pytest.raises(Invalid, match=r"no rule speaks of shop\.public\.customer\.id"):
        chosen(masking, COLUMNS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"columns": {"a.b.c": "hash"}}, "is not database.schema.table.column"),
        ({"columns": {"a.b.c.d": "burn"}}, "not one of keep, null, hash, fake"),
        ({"columns": {"a.b.c.d": "fake"}}, "not one of fake:name"),
        ({"columns": {"a.b.c.d": "hash:email"}}, "not one of fake:name"),
        ({"columns": ["a"]}, "no mapping"),
        ({"unlisted": "burn"}, "unlisted is 'burn'"),
        ({"colums": {}}, "colums is no part"),
    ],
)
def test_wrong_rules_are_refused(data: dict[str, object], said: str):
    with pytest.raises(Invalid, match=said):
        masking_of(data)


@given(
    st.sampled_from(["text", "varchar", "bpchar", "int2", "int4", "int8", "uuid", "bytea", "date",
                     "numeric"]),
    st.sampled_from(ACTIONS),
    st.sampled_from(FAKES),
)  # fmt: skip
def test_an_expression_holds_nothing_but_the_given_parts(kind: str, action: str, fake: str):
    each = Chosen(column("x", kind), Rule(("*",) * 4, action, fake if action == "fake" else ""))
    from holdfast.recovery.masking import fault

    if fault(each.column, each.rule) or action == "keep":
        return
    told = expression(each, '"x"', "'salt'")
    assert told.count("(") == told.count(")")
    assert told == "null" or told.startswith('case when "x" is null then null else ')
