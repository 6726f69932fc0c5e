"""Hold a transaction open that keeps vacuum from removing anything, for ten seconds.

The classic slow poison: nothing breaks today. It has to be seen by whoever looks at transaction
ages, and gone once it is ended.
"""

from __future__ import annotations

from holdfast.recovery.criteria import CALM
from holdfast.recovery.drill import Blast, Drill, Seen, Stroke, Terms
from holdfast.recovery.verdict import Check, failed, proven, unproven


def _horizon(seen: Seen, _terms: Terms) -> Check:
    """The horizon stood still while the transaction lasted, and moved on afterwards."""
    found = seen.facts.get("hold-transaction")
    if found is None or "age_after" not in found:
        return unproven("horizon", "the age of transactions was not looked at")
    if found["age"] < 2 or found["holder"] != found["expected_holder"]:
        return failed("horizon", "the transaction was not to be seen among those that hold back")
    if found["age_after"] >= found["age"]:
        return failed("horizon", f"the horizon is still {found['age_after']} transactions behind")
    return proven(
        "horizon",
        f"held back by {found['age']} transactions, seen with its process; "
        f"{found['age_after']} once it had ended",
    )


DRILL = Drill(
    strokes=(Stroke("hold-transaction"),),
    blast=Blast.SESSIONS,
    undone="the transaction's session is ended",
    criteria=(*CALM, ("horizon", _horizon)),
    hold_s=10.0,
)
