"""Whatever a connection string looks like, its password is in no command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.app.conninfo import without_password
from holdfast.core.errors import Refused


@pytest.mark.parametrize(
    ("given", "bare", "password"),
    [
        ("shop", "shop", None),
        ("postgresql://h/shop", "postgresql://h/shop", None),
        ("postgresql:///shop", "postgresql:///shop", None),
        ("postgresql:///shop?password=pw", "postgresql:///shop", "pw"),
        ("postgresql://u:p%23w@h:1,i:2/shop", "postgresql://u@h:1,i:2/shop", "p#w"),
        ("postgresql://h/s?password=pw&user=u", "postgresql://h/s?user=u", "pw"),
        ("host=h password=pw", "host=h", "pw"),
        (r"password = 'a \' b' host=h", "host=h", "a ' b"),
        (
            "application_name='x password=no' password=yes",
            "application_name='x password=no'",
            "yes",
        ),
    ],
)
def test_the_password_goes_by_the_environment(given, bare, password):
    assert without_password(given) == (bare, {"PGPASSWORD": password} if password else {})


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://u:p#secret@h/db",
        "postgresql://u:p?secret@h/db",
        "postgresql://u:p/secret@h/db",
        "host=h sslpassword=secret password=real",
        "postgresql://h/db?sslpassword=secret",
        "host=h password='secret",
        "host=h secret",
    ],
)
def test_what_cannot_be_told_apart_is_refused_without_being_shown(given):
    with pytest.raises(Refused) as error:
        without_password(given)
    assert "secret" not in f"{error.value.message} {error.value.hint}"


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF)),
)
def test_nothing_else_is_lost(word, name):
    bare, secret = without_password(make_conninfo(host="h", password=word, application_name=name))
    assert secret == {"PGPASSWORD": word}
    expected = {"host": "h", **({"application_name": name} if name else {})}
    found = conninfo_to_dict(bare)
    assert {key: value for key, value in found.items() if value} == expected
