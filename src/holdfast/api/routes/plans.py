"""Plans: documents in, what an apply would change out."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from holdfast.api.context import Plane
from holdfast.app import plans
from holdfast.app.plans import Plans
from holdfast.core.errors import Invalid
from holdfast.core.render_findings import count_text, findings_json
from holdfast.spec.document import Source
from holdfast.store.plans import SavedPlan

router = APIRouter(prefix="/v1/plans", tags=["plans"])


def _bytes(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    return text


class Text(BaseModel):
    """One file. `base64` holds its bytes where they are not UTF-8."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=4096)
    text: str = ""
    base64: Annotated[str, AfterValidator(_bytes)] | None = None

    def source(self) -> Source:
        """What the loader reads."""
        content = self.text if self.base64 is None else base64.b64decode(self.base64)
        return Source(self.name, content)


class Documents(BaseModel):
    """The files to plan for, all at once: they may refer to each other."""

    model_config = ConfigDict(extra="forbid")

    sources: list[Text] = Field(min_length=1, max_length=1000)


@router.post("")
async def post_plans(documents: Documents, plane: Plane) -> dict[str, Any]:
    """Plan every database in these documents.

    The answer holds one plan a database (`unconfirmed` when the last apply failed: applying even an
    empty one then confirms that all is well), what the tiers among the documents would change, and
    findings that are no errors. With an error in the
    documents it is a problem that lists all findings, and nothing is planned.
    """
    made = await plans.make(plane, [text.source() for text in documents.sources])
    if not made.ok:
        raise Invalid(f"{count_text(made.findings)} in the documents", made.findings)
    return _made(made)


@router.post("/recorded")
async def post_recorded(plane: Plane) -> dict[str, Any]:
    """Plan every database by its document as it was applied last: what has drifted from it.

    The answer is that of a plan for documents.
    """
    return _made(await plans.recorded(plane))


def _made(made: Plans) -> dict[str, Any]:
    return {
        "plans": [
            {**_plan(saved), "unconfirmed": saved.plan.database in made.unconfirmed}
            for saved in made.plans
        ],
        "tiers": [
            {"name": each.tier.name, "action": each.action, "databases": list(each.databases)}
            for each in made.tiers
        ],
        "findings": findings_json(made.findings),
    }


@router.get("/{plan_id}")
async def get_plan(plan_id: str, plane: Plane) -> dict[str, Any]:
    """One plan, as it was made."""
    return _plan(await plans.get(plane, plan_id))


def _plan(saved: SavedPlan) -> dict[str, Any]:
    return {
        "id": saved.id,
        "database": saved.plan.database,
        "digest": saved.digest,
        "disruption": str(saved.plan.disruption),
        "changes": [change.to_json() for change in saved.plan.changes],
        "created_at": saved.created_at,
    }
