"""The fields of a `Tier` document: the one place where they are listed."""

from __future__ import annotations

from holdfast.core.change import Json
from holdfast.spec.model import DEFAULT_LAYERS, Synchronous
from holdfast.spec.values import DURATION_PATTERN, SIZE_PATTERN, WINDOW_PATTERN


def _duration(
    description: str,
    example: str,
    *,
    least: str = "0",
    most: str = "3650d",
    unit: str = "duration",
) -> Json:
    return {
        # `0` is a number to YAML and a duration to people.
        "type": ["string", "integer"],
        "pattern": DURATION_PATTERN,
        "format": f"holdfast-{unit}:{least}:{most}",
        "minimum": 0,
        "maximum": 0,
        "description": description,
        "examples": [example],
    }


def _seconds(description: str, example: str, *, least: str = "0", most: str = "3650d") -> Json:
    """A duration for programs that count in whole seconds."""
    return _duration(description, example, least=least, most=most, unit="seconds")


def _schedule(description: str, example: str) -> Json:
    return {
        "type": "string",
        "format": "holdfast-schedule",
        "description": f"{description}: an interval such as 6h, or five cron fields in UTC.",
        "examples": [example],
    }


def _count(description: str, least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "description": description}


_SECOND_REPOSITORY: Json = {
    "type": "object",
    "required": ["type"],
    "additionalProperties": False,
    "description": "Where every segment of WAL and every backup goes once more.",
    "properties": {
        "type": {
            "enum": ["posix", "s3"],
            "description": "A folder, such as that of another file server, or an object store.",
        },
        "path": {
            "type": "string",
            "pattern": r"^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$",
            "maxLength": 200,
            "description": "The folder, or the prefix of the objects; each database gets a folder "
            "of its own in it. Of a file system it has to be there, and the data plane's user has "
            "to be able to write to it.",
            "examples": ["/mnt/backups"],
        },
        "bucket": {
            "type": "string",
            "pattern": r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            "description": "The bucket, which has to be there.",
        },
        "endpoint": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9.-]{1,253}$",
            "description": "The host that answers for the bucket, by TLS.",
            "examples": ["s3.eu-central-1.amazonaws.com"],
        },
        "port": _count("Its port; 443 without a word.", 1, 65535),
        "region": {
            "type": "string",
            "pattern": r"^[a-z0-9-]{1,63}$",
            "description": "The region that requests are signed for.",
        },
        "credentials": {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9-]{0,62}$",
            "description": "The name that the access key was given with: `holdfast secret set "
            "NAME-key` and `holdfast secret set NAME-secret`.",
        },
        "caFile": {
            "type": "string",
            "pattern": r"^/[A-Za-z0-9._/-]*$",
            "maxLength": 200,
            "description": "Certificates that its own is checked against, where it is not one of "
            "the machine's.",
        },
    },
}

FIELDS: dict[str, Json] = {
    "type": "object",
    "description": "The promises of a class of databases.",
    "required": [
        "name",
        "availability",
        "rpo",
        "rto",
        "nodes",
        "synchronous",
        "failover",
        "backup",
        "credentialAge",
        "patchWindow",
        "accessReview",
    ],
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9-]{0,38}$",
            "description": "Its name: 1 to 39 of a-z, 0-9 and -, starting with a letter. A site "
            "replaces a built-in tier by one of the same name.",
            "examples": ["tier-0"],
        },
        "description": {
            "type": "string",
            "maxLength": 1000,
            "description": "The promise in a sentence.",
        },
        "availability": {
            "type": "number",
            "minimum": 90,
            "maximum": 99.999,
            "description": "Percent of the time in which a client can write.",
            "examples": [99.95],
        },
        "rpo": _duration("How much work may be lost; 0 is none that was acknowledged.", "5m"),
        "rto": _duration("How long a client may be unable to write after a fault.", "45s"),
        "nodes": {
            "type": "object",
            "required": ["default", "min", "max"],
            "additionalProperties": False,
            "description": "How many servers a cluster has.",
            "properties": {
                "default": _count("Without a word in the database's document.", 1, 50),
                "min": _count("The fewest that keep the promises.", 1, 50),
                "max": _count("The most that a database may ask for.", 1, 50),
            },
        },
        "synchronous": {
            "enum": [str(each) for each in Synchronous],
            "description": "Whom a commit waits for: nobody (off), a chosen standby (on), any of a "
            "quorum (quorum).",
        },
        "strict": {
            "type": "boolean",
            "default": False,
            "description": "Whether writes stop when no standby is there to wait for. RPO 0 needs "
            "it.",
        },
        "checksums": {
            "enum": [True],
            "default": True,
            "description": "Pages always carry checksums, so that damage is seen.",
        },
        "failover": {
            "type": "object",
            "required": [
                "ttl",
                "loopWait",
                "retryTimeout",
                "primaryStartTimeout",
                "primaryStopTimeout",
                "maximumLag",
            ],
            "additionalProperties": False,
            "description": "Patroni's clocks; loopWait + 2 * retryTimeout is at most ttl.",
            "properties": {
                "ttl": _seconds(
                    "A leader that is silent for so long is replaced.",
                    "30s",
                    least="20s",
                    most="1h",
                ),
                "loopWait": _seconds(
                    "How often every node looks around.", "5s", least="1s", most="10m"
                ),
                "retryTimeout": _seconds(
                    "How long a failing etcd or PostgreSQL is tried again.",
                    "10s",
                    least="3s",
                    most="10m",
                ),
                "primaryStartTimeout": _seconds(
                    "How long a crashed primary may take to come back before a standby takes "
                    "over; 0 does not wait.",
                    "15s",
                    most="1d",
                ),
                "primaryStopTimeout": _seconds(
                    "How long a primary may take to stop in synchronous mode.", "30s", most="1d"
                ),
                "maximumLag": {
                    "type": "string",
                    "pattern": SIZE_PATTERN,
                    "format": "holdfast-size",
                    "description": "A standby that is further behind is not promoted. No bound of "
                    "the loss.",
                    "examples": ["1MiB"],
                },
            },
        },
        "backup": {
            "type": "object",
            "required": ["full", "retention", "archiveTimeout"],
            "additionalProperties": False,
            "description": "When backups are taken, and how long they are kept.",
            "properties": {
                "full": _schedule("Full backups", "0 1 * * 0"),
                "differential": _schedule(
                    "Backups of what changed since the last full one", "0 1 * * 1-6"
                ),
                "incremental": _schedule(
                    "Backups of what changed since the last one of any type", "6h"
                ),
                "retention": {
                    "type": "object",
                    "required": ["full", "days"],
                    "additionalProperties": False,
                    "description": "What is kept.",
                    "properties": {
                        "full": _count("Full backups, with all that depends on them.", 1, 1000),
                        "days": _count(
                            "How far back every point in time can be restored.", 1, 3650
                        ),
                    },
                },
                "secondRepository": _SECOND_REPOSITORY,
                "archiveTimeout": _seconds(
                    "WAL is archived at least so often while there are writes; it bounds what "
                    "is lost with all nodes.",
                    "60s",
                    least="1s",
                    most="1h",
                ),
            },
        },
        "proofs": {
            "type": "object",
            "additionalProperties": False,
            "description": "How often the promises are proved on the real thing.",
            "properties": {
                "restoreTest": _duration(
                    "A backup is restored and checked at least so often.", "7d", least="1h"
                ),
                "failoverDrill": _duration(
                    "A primary is killed at least so often.", "30d", least="1h"
                ),
                "pointInTime": _duration(
                    "A backup is restored to a marker by name, position and time at least so "
                    "often.",
                    "7d",
                    least="1h",
                ),
                "layers": {
                    "type": "string",
                    "pattern": r"^[0-6](-[0-6])?(,[0-6](-[0-6])?)*$",
                    "default": DEFAULT_LAYERS,
                    "description": "The layers of proof that a restore test has, in quotes: "
                    "numbers and ranges from 0 (the repository) to 6 (points in time), 1 and 2 "
                    "(the restore itself) among them.",
                    "examples": ["0-4,6"],
                },
            },
        },
        "credentialAge": _duration(
            "Passwords are replaced before they are older.", "30d", least="1h"
        ),
        "patchWindow": _duration(
            "A minor release of the engine is installed within so long.", "14d", least="1h"
        ),
        "accessReview": _duration(
            "Who has access is reviewed at least so often.", "90d", least="1h"
        ),
        "maintenanceWindow": {
            "type": "string",
            "pattern": WINDOW_PATTERN,
            "format": "holdfast-window",
            "description": "When disruptive work may run, in UTC, failover drills for example; for "
            "databases whose documents name no window of their own.",
            "examples": ["daily 02:00-05:00"],
        },
        "mayExpire": {
            "type": "boolean",
            "default": False,
            "description": "Whether even a production database may have an end date.",
        },
        "overrides": {
            "type": "array",
            "maxItems": 200,
            "uniqueItems": True,
            "items": {
                "type": "string",
                "pattern": r"^(connections|maintenanceWindow|schedule\.([a-zA-Z]+|\*)"
                r"|parameters\.[a-z0-9_.*]+)$",
            },
            "description": "Fields in which a database may depart from the tier: `connections`, "
            "`maintenanceWindow`, `schedule.drills` and the like, and parameters by name or "
            "pattern, such as `parameters.autovacuum_*`.",
        },
    },
}
