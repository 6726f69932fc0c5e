import json
import string
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.core.errors import Error
from holdfast.providers.secrets import FileKeyWrapper, SecretBox, SecretFiles, password


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    FileKeyWrapper(tmp_path / "master.key").ensure()
    box = SecretBox(tmp_path / "data-keys.json", FileKeyWrapper(tmp_path / "master.key"))
    box.ensure()
    return box


def test_secret_comes_back(box: SecretBox) -> None:
    sealed = box.encrypt("orders/app", "pässword")
    assert "pässword".encode() not in sealed.ciphertext
    assert box.decrypt("orders/app", sealed) == "pässword"
    assert box.encrypt("orders/app", "pässword").ciphertext != sealed.ciphertext


def test_secret_belongs_to_its_reference(box: SecretBox) -> None:
    sealed = box.encrypt("orders/app", "x")
    with pytest.raises(Error, match="secret orders/owner was tampered with"):
        box.decrypt("orders/owner", sealed)


def test_changed_secret_does_not_open(box: SecretBox) -> None:
    sealed = box.encrypt("orders/app", "x")
    changed = replace(sealed, ciphertext=sealed.ciphertext[:-1] + b"\0")
    with pytest.raises(Error, match="tampered"):
        box.decrypt("orders/app", changed)


def test_older_secrets_open_after_rotation(box: SecretBox) -> None:
    old = box.encrypt("a", "before")
    box.rotate()
    new = box.encrypt("a", "after")
    assert old.key_id != new.key_id
    assert (box.decrypt("a", old), box.decrypt("a", new)) == ("before", "after")


def test_files_are_private_and_hold_no_key_in_the_open(box: SecretBox, tmp_path: Path) -> None:
    for name in ("master.key", "data-keys.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert set(json.loads((tmp_path / "data-keys.json").read_text())) == {"keys", "current"}


def test_another_master_key_is_told(box: SecretBox, tmp_path: Path) -> None:
    sealed = box.encrypt("a", "x")
    (tmp_path / "master.key").unlink()
    again = SecretBox(tmp_path / "data-keys.json", FileKeyWrapper(tmp_path / "master.key"))
    with pytest.raises(Error, match="no key file"):
        again.decrypt("a", sealed)
    FileKeyWrapper(tmp_path / "master.key").ensure()
    with pytest.raises(Error, match="is not the one the secrets were encrypted with"):
        again.decrypt("a", sealed)


def test_secret_file_is_made_once(box: SecretBox, tmp_path: Path) -> None:
    files = SecretFiles(tmp_path, box)
    secret = files.ensure("etcd-root")
    assert files.ensure("etcd-root") == secret
    assert secret.encode() not in (tmp_path / "etcd-root.sealed").read_bytes()


def test_passwords_are_long_plain_and_different() -> None:
    made = {password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(one) >= 32 for one in made)
    assert set("".join(made)) <= set(string.ascii_letters + string.digits) - set("0O1lI")
