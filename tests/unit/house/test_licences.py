"""No licence comes in unseen (docs/decisions/0006-licences.md)."""

import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PIN = re.compile(r"^([a-z0-9._-]+)==", re.MULTILINE)
PERMISSIVE = re.compile(
    r"\b(MIT|MIT-0|BSD|ISC|Apache|PSF|Python Software Foundation|MPL|Mozilla)\b"
)
COPYLEFT = re.compile(r"GPL|GNU|General Public", re.IGNORECASE)
EXCEPTIONS = {"psycopg", "psycopg-binary"}
"""LGPL: imported unmodified, from files that a user can replace."""


def licence(fields: metadata.PackageMetadata) -> str:
    """What a distribution says of its licence, in whichever of the three fields it says it."""
    classifiers = [text for text in fields.get_all("Classifier", []) if text.startswith("License")]
    first_line = (fields.get("License") or "").strip().split("\n")[0]
    return " / ".join([fields.get("License-Expression") or "", first_line, *classifiers])


def is_welcome(name: str, text: str) -> bool:
    return name in EXCEPTIONS or bool(PERMISSIVE.search(text) and not COPYLEFT.search(text))


@pytest.mark.parametrize("lock", ["lock.txt", "lock-build.txt"])
def test_what_we_import_is_permissive(lock):
    names = PIN.findall((ROOT / "requirements" / lock).read_text())
    assert names
    licences = {name: licence(metadata.metadata(name)) for name in names}
    assert {name: text for name, text in licences.items() if not is_welcome(name, text)} == {}


@pytest.mark.parametrize("text", ["GPL-3.0-only", "MIT AND GPL-2.0-only", "AGPL-3.0", "", "SSPL"])
def test_others_are_seen(text):
    assert not is_welcome("something", text)
