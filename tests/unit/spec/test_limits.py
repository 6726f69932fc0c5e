"""What a hostile file may cost: bounded time and bounded memory, whatever stands in it."""

from __future__ import annotations

import tracemalloc

import pytest

from holdfast.spec.document import Source
from holdfast.spec.load import MAX_DOCUMENTS, MAX_FINDINGS, load
from holdfast.spec.resolve import resolve
from holdfast.spec.text import MAX_BYTES
from tests.unit.spec.site import ORDERS, SITE, findings, orders

LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)
NESTED_ALIASES = "a0: &a0 [[[[[[[[x]]]]]]]]\n" + "".join(
    f"a{n}: &a{n} [[[[[[[[*a{n - 1}]]]]]]]]\n" for n in range(1, 100)
)
HOSTILE = {
    "ten megabytes": ("a" * 10 * 2**20, "file-too-large"),
    "ten megabytes in bytes": (b"a" * 10 * 2**20, "file-too-large"),
    "billion laughs": (LAUGHS, "too-large"),
    "deep aliases": (NESTED_ALIASES, "too-deep"),
    "brackets": ("[" * 1_000_000, "too-deep"),
    "braces": ("{" * 1_000_000, "bad-key"),
    "dashes": ("- " * 500_000, "too-deep"),
    "question marks": ("? " * 500_000, "bad-key"),
    "nested mappings": ("".join(" " * n + "a:\n" for n in range(1000)), "too-deep"),
    "one key many times": ("a: b\n" * 200_000, "key-twice"),
    "many keys": ("".join(f"k{n}: 1\n" for n in range(90_000)), "too-large"),
    "long list": ("a: [" + "x," * 500_000, "too-large"),
    "anchors": ("&a " * 300_000, "yaml"),
    "open quote": ("a: '" + "x\n" * 500_000, "yaml"),
    "digits": (orders(nodes="9" * 1_000_000), "wrong-type"),
    "long name": (orders(name="a" * 1_000_000), "bad-value"),
    "long key": (ORDERS + "? " + "a" * 1_000_000 + "\n: 1\n", "unknown-field"),
    "units": (orders(maintenanceWindow="1d" * 400_000), "bad-value"),
    "unknown fields": (ORDERS + "".join(f"field{n}: 1\n" for n in range(4_500)), "more"),
    "mixed lists": (orders(databases="[{name: a, schemas: [" + "1,[]," * 4_000 + "]}]"), "out-of"),
    "markers": ("---\n" * 250_000, "too-many"),
    "ends": ("...\n" * 250_000, "yaml"),
    "ended documents": ("a\n...\n" * 170_000, "too-many"),
    "marked documents": ("--- a\n" * 170_000, "too-many"),
    "marked errors": ("--- [\n" * 170_000, "too-many"),
    "carriage returns": ("\r" * 1_000_000, "empty"),
}


@pytest.mark.timeout(30)  # alone on a core all of these stay far below a second or two
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_file(case: str) -> None:
    text, rule = HOSTILE[case]
    found = findings(text)
    assert any(each.id.startswith(f"spec.{rule}") for each in found), found[:3]
    assert len(found) <= MAX_FINDINGS + MAX_DOCUMENTS
    assert all(len(each.message) < 600 for each in found)


def test_an_alias_bomb_takes_no_memory() -> None:
    tracemalloc.start()
    load([Source("bomb.yaml", LAUGHS)])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20 * 2**20


def test_a_large_file_is_not_parsed() -> None:
    (found,) = findings("\t{[\n" * MAX_BYTES)
    assert found.id == "spec.file-too-large"


def test_a_thousand_documents() -> None:
    text = "---\n".join(orders(name=f"orders_{n}") for n in range(1000))
    resolution = resolve(load([Source("all.yaml", text)]), SITE)
    assert resolution.ok
    assert len(resolution.databases) == 1000
