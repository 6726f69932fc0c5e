from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.schema.reading.split import PLAIN, PSQL, Dialect, Lines, statements

ATOMIC = (
    "create function f() returns int begin atomic select case when a then 1 end; select ';end'; end"
)


def cut(text: str, dialect: Dialect = PLAIN) -> list[str]:
    return [each.sql or f"<{each.opaque}>" for each in statements(text, dialect)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (";;", []),
        ("a; b", ["a", "b"]),
        ("-- a; b\nc;", ["c"]),
        ("/* a; /* b; */ ; */ c", ["c"]),
        ("/* never ended; a", []),
        ("select ';', 'it''s;'; b", ["select ';', 'it''s;'", "b"]),
        (r"select E'\';', e'\\'; b", [r"select E'\';', e'\\'", "b"]),
        (r"select name'\'; b", [r"select name'\'", "b"]),
        ('select ";"; b', ['select ";"', "b"]),
        ("select $$;$$, $a$ $$ ; $a$; b", ["select $$;$$, $a$ $$ ; $a$", "b"]),
        ("select $1; b", ["select $1", "b"]),
        ("select a$b$c; d$b$", ["select a$b$c", "d$b$"]),
        ("select 'never ended; b", ["select 'never ended; b"]),
        ("select 3 - 1 / 2; b", ["select 3 - 1 / 2", "b"]),
        ("a -- x\n;b", ["a -- x", "b"]),
        (
            "create rule r as on insert to t do (select 1; select 2); b",
            ["create rule r as on insert to t do (select 1; select 2)", "b"],
        ),
        (f"{ATOMIC}; b", [ATOMIC, "b"]),
        ("select 'begin atomic'; b", ["select 'begin atomic'", "b"]),
        ("begin /* begin atomic */; b; end", ["begin /* begin atomic */", "b", "end"]),
        ("COPY t FROM stdin;\n1\ta;b'\n\\.\nb;", ["COPY t FROM stdin", "b"]),
        ("copy t (a) from STDIN (format csv);\n'\n", ["copy t (a) from STDIN (format csv)"]),
        ("copy t from 'a;b'; c", ["copy t from 'a;b'", "c"]),
        ("\ufeffa", ["\ufeffa"]),
    ],
)  # fmt: skip
def test_statements_are_cut_where_postgresql_cuts_them(text: str, found: list[str]) -> None:
    assert cut(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\\set x 1\na;", ["a"]),
        ("\\i b.sql\na;", ["<the file b.sql is run here>", "a"]),
        ("a \\g\nb;", ["a", "b"]),
        ("a \\gexec\nb;", ["a", "<the result of the query is run as SQL>", "b"]),
        ("a \\; b;", ["a", "b"]),
        ("\\restrict x\r\na;\r\n\\unrestrict x\r\n", ["a"]),
        ("select :x, :'y', :\"z\";", ["select _x, '_y', \"_z\""]),
        ("select a::int, b[1:n], '1:x', c:=1;", ["select a::int, b[1:n], '1:x', c:=1"]),
        ("a\n\\echo hi\n, b;", ["a\n        \n, b"]),
        ("\\", []),
    ],
)
def test_psql_s_own_lines_are_understood(text: str, found: list[str]) -> None:
    assert cut(text, PSQL) == found


def test_elsewhere_a_backslash_is_the_server_s_affair() -> None:
    assert cut("\\i b.sql\n;a") == ["\\i b.sql", "a"]


def test_places_count_from_one() -> None:
    found = statements("a;\n  b;\r\n\n/* c\n */ d")
    assert [(each.line, each.column, each.offset) for each in found] == [
        (1, 1, 0), (2, 3, 5), (5, 5, 19),
    ]  # fmt: skip


def test_lines_can_go_back() -> None:
    lines = Lines("a\nb\nc")
    assert [lines.place(at) for at in (4, 0, 2)] == [(3, 1), (1, 1), (2, 1)]


PIECES = st.lists(
    st.sampled_from(
        ["select", " ", "\n", ";", "'", '"', "$$", "$a$", "--", "/*", "*/", "\\", "\\.", ":", "::",
         ":x", "E'", "begin atomic", "end", "case", "create rule", "(", ")", "copy t from stdin;",
         "a", "1", "\r\n", "é", "\\gexec", "\\i f"]
    ),
    max_size=40,
)  # fmt: skip


@given(PIECES, st.sampled_from([PLAIN, PSQL]))
def test_whatever_it_is_it_is_cut_in_order(pieces: list[str], dialect: Dialect) -> None:
    text = "".join(pieces)
    last = 0
    for each in statements(text, dialect):
        assert last <= each.offset <= len(text)
        assert text.count("\n", 0, each.offset) + 1 == each.line
        assert each.opaque or len(each.sql) <= len(text) - each.offset
        if dialect is PLAIN:
            assert text.startswith(each.sql, each.offset)
        last = each.offset


@given(st.text(max_size=60))
def test_a_range_is_never_left(text: str) -> None:
    middle = len(text) // 2
    for each in statements(text, PLAIN, start=3, end=middle):
        assert each.offset >= 3
        assert each.offset + len(each.sql) <= max(middle, 3)
