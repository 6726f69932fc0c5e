"""What is kept of a drill can be judged again; its report shows what was seen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery import drill_record, drill_report
from holdfast.recovery.drill import Seen, Terms
from holdfast.recovery.drills import find
from holdfast.recovery.ledger import Account, Answer, Attempt, Gap, Read, Row, account
from holdfast.recovery.phases import Moment, phases
from holdfast.recovery.timelines import Switch

DRILL = find("kill-primary")
MOMENTS = (
    Moment("fault", 100.0, "kill server orders-1"),
    Moment("released", 101.0, "orders-1"),
    Moment("taken", 101.2, "orders-2"),
    Moment("writable", 101.9, "orders-2"),
)
GAP = Gap(99.99, 102.2)
SEEN = Seen(
    fault_s=100.0,
    undone_s=102.5,
    acknowledged_before=900,
    account=Account(acknowledged=4000, failed=3, unknown=8, unknown_present=2),
    gaps=(("direct", GAP),),
    phases=(("direct", phases(MOMENTS, GAP)),),
    moments=MOMENTS,
    switches=(Switch(3, 4, 99.9, 102.1),),
    leader_before="orders-1",
    leader_after="orders-2",
    timeline_before=3,
    timeline_after=4,
    redundant_after_s=9.0,
)
WRITES = tuple(
    Attempt(1, k, "direct", Answer.ACKNOWLEDGED, at - 0.01, at)
    for k, at in enumerate(
        [97.5 + k * 0.02 for k in range(125)] + [102.2 + k * 0.02 for k in range(50)]
    )
)


def record(seen: Seen = SEEN) -> dict:
    told = drill_record.measured(
        DRILL, seen, Terms(0, 25, 3), attempts=WRITES, endpoints=("direct",)
    )
    return {
        "id": "op-1-drill",
        "operation": "op-1",
        "database": "orders",
        "at": "2026-11-20T10:00:00+00:00",
        "verdict": told["verdict"],
        "reasons": told["reasons"],
        "measured": {"tier": "tier-0", "seed": 7, "load": "normal", "consent": "a <b> day", **told},
    }


def test_the_record_is_plain_json():
    found = record()["measured"]
    assert json.loads(json.dumps(found)) == found
    assert found["phases"]["direct"] == {"detect": 1.0, "elect": 0.2, "promote": 0.7, "route": 0.3}
    assert found["timelines"] == [{"from": 3, "to": 4, "gap_s": 2.2}]


def test_markdown_has_the_verdict_the_parts_and_a_chart():
    text = drill_report.markdown(record(), DRILL)
    assert text.startswith("# orders: kill-primary, proven\n")
    assert "| direct | 2.2 s | 1.0 s | 200 ms | 700 ms | 300 ms |" in text
    assert "| 0.00 | fault | kill server orders-1 |" in text
    (chart,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    bars = "".join(re.findall(r"\|(.{50})\|", chart))
    assert bars[29] != " " and bars[31:52].strip() == "" and bars[53] != " "


def test_the_page_needs_nothing_else_and_escapes_what_people_said():
    page = drill_report.html(record(), DRILL)
    assert "a &lt;b&gt; day" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    (drawing,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(list(ElementTree.fromstring(drawing).iter("rect"))) > 20


def test_a_run_that_did_not_come_to_its_end_has_a_report_too():
    shown = record(Seen(unable="it takes root"))
    assert shown["verdict"] == "unproven"
    for text in (drill_report.markdown(shown, DRILL), drill_report.html(shown, DRILL)):
        assert "it cannot be caused here: it takes root" in text


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.sampled_from(list(Answer)))),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.booleans())),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 99))),
)
def test_what_was_packed_is_judged_the_same(attempts, reads, rows):
    noted = tuple(Attempt(s, n, "direct", answer, 1.5, 2.25, "x") for s, n, answer in attempts)
    looked = tuple(Read(s, n, found, 3.0) for s, n, found in reads)
    stored = tuple(Row(s, n, position, 4, 1.75) for s, n, position in rows)
    packed = drill_record.packed(noted, looked, stored)
    assert drill_record.unpacked(packed) == (noted, looked, stored)
    again = drill_record.unpacked(packed)
    assert account(again[0], again[2], again[1]) == account(noted, stored, looked)
    assert drill_record.digest(packed) == drill_record.digest(
        drill_record.packed(noted, looked, stored)
    )


def test_another_content_has_another_digest():
    one = drill_record.packed(WRITES, (), ())
    other = drill_record.packed((replace(WRITES[0], number=999), *WRITES[1:]), (), ())
    assert drill_record.digest(one) != drill_record.digest(other)
