"""A head is the key's alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.evidence.head import Head, SignedHead, fingerprint, signed

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
HEAD = Head("l0g", 4, 17, b"\x01" * 32, datetime(2026, 3, 1, tzinfo=UTC), fingerprint(PUBLIC))


def test_a_line_reads_as_the_head_it_was_made_of() -> None:
    made = signed(HEAD, KEY.sign)
    again = SignedHead.parse(made.line)
    assert again == made
    assert again.head == HEAD
    assert again.is_signed_by(PUBLIC)


@pytest.mark.parametrize(
    ("old", "new"), [('"size":17', '"size":16'), ('"number":4', '"number":5'), ("l0g", "log")]
)
def test_a_changed_head_is_not_signed(old: str, new: str) -> None:
    made = signed(HEAD, KEY.sign)
    assert old in made.text
    assert not SignedHead(made.text.replace(old, new), made.signature).is_signed_by(PUBLIC)


def test_another_key_s_signature_does_not_count() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    assert not signed(HEAD, other.sign).is_signed_by(PUBLIC)
    assert not SignedHead(HEAD.text, b"").is_signed_by(PUBLIC)


@pytest.mark.parametrize("line", ["", "{}", '{"head": 3, "signature": "zz"}', "[1]", "null"])
def test_what_is_no_head_is_said_to_be_none(line: str) -> None:
    with pytest.raises(ValueError):
        SignedHead.parse(line)
