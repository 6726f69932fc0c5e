from __future__ import annotations

import json

from holdfast.core.finding import Finding, Location, Severity
from holdfast.core.render_findings import (
    count_text,
    finding_from_json,
    findings_json,
    render_text,
)

PLACE = Location("a.yaml", 2, 7, "size")
FINDING = Finding(
    "spec.not-allowed", Severity.ERROR, "database orders", "size is 'xxl'", "write 'xl'", PLACE
)


def test_text_with_source_and_caret() -> None:
    assert render_text([FINDING], {"a.yaml": "name: orders\nsize: xxl\n"}) == (
        "a.yaml:2:7: error: size is 'xxl'\n"
        "  2 | size: xxl\n"
        "    |       ^\n"
        "  hint: write 'xl'\n"
        "\n"
        "1 error\n"
    )


def test_text_without_source_place_or_hint() -> None:
    bare = Finding("x", Severity.WARNING, "port 5432", "port 5432 is taken")
    assert render_text([FINDING, bare]) == (
        "a.yaml:2:7: error: size is 'xxl'\n"
        "  hint: write 'xl'\n"
        "\n"
        "port 5432: warning: port 5432 is taken\n"
        "\n"
        "1 error, 1 warning\n"
    )
    assert render_text([]) == ""
    assert count_text([]) == "no findings"


def test_the_path_is_shown_where_the_message_does_not_have_it() -> None:
    place = Location("a.yaml", 2, 7, "databases[1]")
    shown = render_text([Finding("x", Severity.ERROR, "a", "stands twice", location=place)])
    assert "  in: databases[1]\n" in shown
    assert "  in:" not in render_text([FINDING])


def test_a_place_outside_the_source_shows_no_line() -> None:
    assert "|" not in render_text([FINDING], {"a.yaml": "name: orders\n"})


def test_a_long_line_is_shown_around_the_place() -> None:
    place = Location("a.yaml", 1, 500)
    text = "x" * 499 + "Y" + "z" * 5000
    shown = render_text(
        [Finding("x", Severity.ERROR, "a", "wrong", location=place)], {"a.yaml": text}
    ).splitlines()
    assert len(shown[1]) < 120
    assert shown[1][shown[2].index("^")] == "Y"


def test_control_characters_do_not_reach_the_terminal() -> None:
    odd = Finding(
        "x", Severity.ERROR, "a", "saw \x1b[31m", location=Location("\x1b]0;a\x07.yaml", 1, 1)
    )
    shown = render_text([odd], {"\x1b]0;a\x07.yaml": "\x1b[2Jx\ty"})
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "saw \\x1b[31m" in shown


def test_json_round_trip() -> None:
    bare = Finding("x", Severity.NOTICE, "a", "b", evidence={"seen": [1]})
    for finding in (FINDING, bare):
        (data,) = json.loads(json.dumps(findings_json([finding])))
        assert finding_from_json(data) == finding
