import compileall
import importlib.util
import py_compile
import shutil
from pathlib import Path

import pytest

from holdfast.core.errors import Error
from holdfast.providers import runtime


def test_closure_holds_what_patroni_imports() -> None:
    names = set(runtime.distributions())
    assert {"patroni", "python-etcd", "dnspython", "psycopg", "psycopg-binary", "httpx"} <= names
    # Extras that nobody asked for stay out, and so does what only the control plane needs.
    assert not {"boto3", "kazoo", "pytest", "fastapi", "dbos", "cryptography"} & names


def test_missing_package_is_named() -> None:
    with pytest.raises(Error, match="python package no-such-package is not installed"):
        runtime.distributions(("no_such.package[extra]",))


def test_copy_holds_our_own_rooms_for_agents_only() -> None:
    ours = {name for _, name in runtime._own()}
    assert "holdfast/system/etcd.py" in ours
    assert "holdfast/__init__.py" in ours
    assert not any(name.startswith(("holdfast/app/", "holdfast/providers/")) for name in ours)
    assert not any(name.startswith("holdfast/") for _, name in runtime._libraries())


def test_name_follows_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    before = runtime._digest([(tmp_path / "a.py", "holdfast/a.py")])
    assert runtime._digest([(tmp_path / "a.py", "holdfast/a.py")]) == before
    (tmp_path / "a.py").write_text("two")
    assert runtime._digest([(tmp_path / "a.py", "holdfast/a.py")]) != before


def test_copy_can_be_read_by_everybody(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("one")
    source.chmod(0o600)
    runtime._copy([(source, "deep/a.py"), (tmp_path / "gone.py", "gone.py")], tmp_path / ".new")
    runtime._settle(tmp_path / ".new", tmp_path / "done")
    assert (tmp_path / "done/deep/a.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "done/deep").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "done/gone.py").exists()
    shutil.rmtree(tmp_path / "done")


def test_what_is_compiled_already_is_not_compiled_again(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("one = 1\n")
    assert not runtime._copy([(source, "a.py")], tmp_path / "first")
    py_compile.compile(str(source))
    assert runtime._copy([(source, "a.py")], tmp_path / "second")
    copied = tmp_path / "second/a.py"
    compiled = Path(importlib.util.cache_from_source(str(copied)))
    before = compiled.read_bytes()
    # Python itself agrees that it is up to date: it leaves it alone.
    assert compileall.compile_file(str(copied), quiet=2)
    assert compiled.read_bytes() == before
