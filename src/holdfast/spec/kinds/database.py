"""The fields of a `Database` document: the one place where they are listed."""

from __future__ import annotations

from holdfast.core.change import Json
from holdfast.spec import builtin
from holdfast.spec.model import (
    SUPPORTED_VERSIONS,
    Classification,
    DeletionPolicy,
    Environment,
)
from holdfast.spec.names import IDENTIFIER_PATTERN, NAME_PATTERN
from holdfast.spec.values import WINDOW_PATTERN

_LINE = r"^[^\u0000-\u001f\u007f]*$"
_EXTENSION_NAME = {
    "type": "string",
    "pattern": r"^[a-z][a-z0-9_-]{0,62}$",
    "examples": ["pg_trgm"],
}
_EXTENSIONS: dict[str, Json] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": ["string", "object"],
        "pattern": _EXTENSION_NAME["pattern"],
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {**_EXTENSION_NAME, "description": "The extension's name."},
            "schema": {
                "type": "string",
                "pattern": IDENTIFIER_PATTERN,
                "description": "The schema for its objects; PostgreSQL's choice without it.",
            },
            "version": {
                "type": "string",
                "pattern": r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$",
                "description": "Its version, in quotes; the installed default without it.",
                "examples": ["1.6"],
            },
        },
    },
}


def _identifier(description: str) -> dict[str, Json]:
    return {
        "type": "string",
        "pattern": IDENTIFIER_PATTERN,
        "format": "holdfast-identifier",
        "description": description,
    }


def _wanted(description: str) -> dict[str, Json]:
    return {"type": "boolean", "default": True, "description": description}


FIELDS: dict[str, Json] = {
    "type": "object",
    "description": "A database that a team asks for.",
    "required": ["name", "owner", "environment", "tier", "size", "classification"],
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "pattern": NAME_PATTERN,
            "format": "holdfast-name",
            "description": "Its name: 1 to 39 of a-z, 0-9 and _, starting with a letter. It "
            "becomes part of role names, folders and keys, so it can never need quotes.",
            "examples": ["orders"],
        },
        "description": {
            "type": "string",
            "maxLength": 1000,
            "description": "What it is for, in a sentence.",
        },
        "owner": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9][A-Za-z0-9 ._@/-]{0,62}$",
            "description": "The team that answers for it.",
            "examples": ["checkout"],
        },
        "environment": {
            "enum": [str(each) for each in Environment],
            "description": "Where it stands between a developer and production.",
        },
        "tier": {
            "type": "string",
            "description": "The promises it gets; the built-in tiers are tier-0 (no acknowledged "
            "write is ever lost) to tier-3 (development).",
            "examples": list(builtin.tiers()),
        },
        "size": {
            "enum": list(builtin.sizes()),
            "description": "CPU, memory and storage of each node.",
        },
        "classification": {
            "enum": [str(each) for each in Classification],
            "description": "How sensitive the data is.",
        },
        "engine": {
            "enum": ["postgresql"],
            "default": "postgresql",
            "description": "The database engine.",
        },
        "version": {
            "type": "integer",
            "enum": list(SUPPORTED_VERSIONS),
            "description": "The engine's major version; the newest installed without it.",
        },
        "nodes": {
            "type": "integer",
            "minimum": 1,
            "maximum": 50,
            "description": "Servers in the cluster, within the tier's range; "
            "the tier's default without it.",
        },
        "databases": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "description": "Databases inside the cluster; one of the document's name without it.",
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": _identifier("The database's name."),
                    "schemas": {
                        "type": "array",
                        "maxItems": 200,
                        "uniqueItems": True,
                        "items": _identifier("A schema's name."),
                        "description": "Schemas to create, beside `public`.",
                    },
                    "extensions": {
                        **_EXTENSIONS,
                        "description": "Extensions of this database only.",
                    },
                },
            },
        },
        "extensions": {
            **_EXTENSIONS,
            "description": "Extensions of every database of the cluster: a name, or a mapping "
            "with name, schema and version.",
            "examples": [["pg_trgm", {"name": "hstore", "schema": "extensions"}]],
        },
        "parameters": {
            "type": "object",
            "maxProperties": 200,
            "propertyNames": {"format": "holdfast-parameter"},
            "additionalProperties": {
                "type": ["string", "number", "boolean"],
                "maxLength": 500,
                "pattern": _LINE,
            },
            "description": "Server parameters that depart from the baseline, where the tier's "
            "`overrides` allows it. Some belong to the platform and are always refused.",
            "examples": [{"work_mem": "64MB", "random_page_cost": 1.1}],
        },
        "connections": {
            "type": "integer",
            "minimum": 10,
            "maximum": 10_000,
            "description": "Connections to PostgreSQL itself; the size's number without it. The "
            "pooled endpoint serves many more clients than that.",
        },
        "deletionPolicy": {
            "enum": [str(each) for each in DeletionPolicy],
            "default": "retain",
            "description": "`retain`: deleting needs an extra word, and a last backup is kept.",
        },
        "expires": {
            "type": "string",
            "format": "date",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "description": "The last day of a database that is not meant to stay; not for "
            "production, unless the tier says `mayExpire`.",
            "examples": ["2027-03-31"],
        },
        "maintenanceWindow": {
            "type": "string",
            "pattern": WINDOW_PATTERN,
            "format": "holdfast-window",
            "description": "When disruptive work may run: `daily` or a day, and two times in UTC.",
            "examples": ["sun 02:00-04:00"],
        },
        "labels": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"pattern": r"^[a-z][a-z0-9._/-]{0,62}$"},
            "additionalProperties": {"type": "string", "maxLength": 200, "pattern": _LINE},
            "description": "Words of your own, such as a cost centre; the platform only shows "
            "them.",
        },
        "schedule": {
            "type": "object",
            "additionalProperties": False,
            "description": "What the platform starts by itself at the tier's cadence. A proof that "
            "is turned off is shown as unproven once the last one is too old.",
            "properties": {
                "backups": _wanted("Backups."),
                "restoreTests": _wanted("Restore tests."),
                "drills": _wanted("Failover drills, in the maintenance window."),
            },
        },
        "verify": {
            "type": "array",
            "maxItems": 50,
            "description": "What a restored copy has to show, beyond the platform's own checks: "
            "queries with the value that each must give.",
            "items": {
                "type": "object",
                "required": ["sql", "expect"],
                "additionalProperties": False,
                "properties": {
                    "name": {
                        "type": "string",
                        "maxLength": 100,
                        "pattern": _LINE,
                        "description": "What it shows, for the report; its place without it.",
                        "examples": ["every invoice has lines"],
                    },
                    "database": _identifier(
                        "The database to ask; the first of `databases` without it."
                    ),
                    "sql": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 10_000,
                        "description": "One query that only reads. It runs as a role that can do "
                        "nothing else, for at most a minute.",
                    },
                    "expect": {
                        "type": ["string", "number", "boolean"],
                        "maxLength": 1000,
                        "description": "The first column of its first row. Numbers are compared "
                        "as numbers.",
                    },
                },
            },
        },
    },
}
