"""What a valid document says, as frozen values.

`to_json` gives a document again (with `apiVersion` and `kind`, defaults written out), and
`from_json` reads a document that has been validated: the control database, the API and the YAML
files all hold the same form.
"""

from __future__ import annotations

from holdfast.spec.model.database import (
    Canary,
    Classification,
    DatabaseSpec,
    DeletionPolicy,
    Environment,
    ExtensionSpec,
    LogicalDatabase,
    Scheduled,
)
from holdfast.spec.model.forms import (
    API_VERSION,
    SUPPORTED_VERSIONS,
    parameter_text,
)
from holdfast.spec.model.resolved import (
    ResolvedDatabase,
    SizeClass,
)
from holdfast.spec.model.tier import (
    DEFAULT_LAYERS,
    BackupPolicy,
    NodeRange,
    Proofs,
    Synchronous,
    TierSpec,
    Timing,
)

__all__ = [
    "API_VERSION",
    "DEFAULT_LAYERS",
    "SUPPORTED_VERSIONS",
    "BackupPolicy",
    "Canary",
    "Classification",
    "DatabaseSpec",
    "DeletionPolicy",
    "Environment",
    "ExtensionSpec",
    "LogicalDatabase",
    "NodeRange",
    "Proofs",
    "ResolvedDatabase",
    "Scheduled",
    "SizeClass",
    "Synchronous",
    "TierSpec",
    "Timing",
    "parameter_text",
]
