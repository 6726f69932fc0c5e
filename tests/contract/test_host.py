"""What every `Host` does alike: one suite, the real one and its twin."""

from __future__ import annotations

import pytest

from holdfast.core.errors import Error, NotFound
from tests.contract.conftest import HostCase


async def test_command_gives_output_and_exit_code(case: HostCase) -> None:
    argv = ("/bin/sh", "-c", "echo out; echo err >&2; exit 3")
    done = await case.host.run(argv, check=False)
    assert (done.argv, done.exit_code) == (argv, 3)
    assert (done.text, done.stderr) == ("out", b"err\n")


async def test_failed_command_is_an_error_with_its_stderr(case: HostCase) -> None:
    with pytest.raises(Error, match=r"sh failed \(exit code 3\): err"):
        await case.host.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])


async def test_environment_and_stdin_reach_the_command(case: HostCase) -> None:
    done = await case.host.run(["/bin/sh", "-c", 'printf %s "$COLOUR"'], env={"COLOUR": "blue"})
    assert done.text == "blue"
    assert (await case.host.run(["/bin/cat"], stdin=b"\x00raw")).stdout == b"\x00raw"


async def test_unknown_program_is_not_found(case: HostCase) -> None:
    with pytest.raises(NotFound, match="/no/such/program"):
        await case.host.run(["/no/such/program", "--help"])


async def test_file_comes_back_as_written(case: HostCase) -> None:
    path = f"{case.folder}/a file; with $names"
    assert await case.host.read(path) is None
    assert await case.host.stat(path) is None
    await case.host.write(path, b"one\x00", mode=0o600)
    assert await case.host.read(path) == b"one\x00"
    found = await case.host.stat(path)
    assert found is not None
    assert (found.kind, found.mode, found.size_bytes) == ("file", 0o600, 4)
    assert found.owner == case.user


async def test_writing_replaces_content_and_mode(case: HostCase) -> None:
    path = f"{case.folder}/replaced"
    await case.host.write(path, b"old", mode=0o600)
    await case.host.write(path, b"newer", mode=0o644, owner=case.user)
    found = await case.host.stat(path)
    assert found is not None
    assert (found.mode, await case.host.read(path)) == (0o644, b"newer")
    assert await case.host.list(case.folder) == ["replaced"]


async def test_writing_needs_the_folder(case: HostCase) -> None:
    with pytest.raises(Error, match=r"cannot write .*missing/file: no such file or directory"):
        await case.host.write(f"{case.folder}/missing/file", b"")


async def test_folder_is_made_with_its_parents(case: HostCase) -> None:
    path = f"{case.folder}/one/two"
    await case.host.make_folder(path, mode=0o700)
    await case.host.make_folder(path, mode=0o711)
    found = await case.host.stat(path)
    assert found is not None
    assert (found.kind, found.mode) == ("folder", 0o711)
    assert await case.host.list(f"{case.folder}/one") == ["two"]


async def test_folder_does_not_replace_a_file(case: HostCase) -> None:
    await case.host.write(f"{case.folder}/thing", b"")
    with pytest.raises(Error, match=r"cannot make the folder .*thing: file exists"):
        await case.host.make_folder(f"{case.folder}/thing")


async def test_list_is_sorted_and_empty_without_a_folder(case: HostCase) -> None:
    for name in ("b", "a", "c"):
        await case.host.write(f"{case.folder}/{name}", b"")
    assert await case.host.list(case.folder) == ["a", "b", "c"]
    assert await case.host.list(f"{case.folder}/nowhere") == []


async def test_remove_takes_files_and_trees_and_nothing(case: HostCase) -> None:
    await case.host.make_folder(f"{case.folder}/tree/inner")
    await case.host.write(f"{case.folder}/tree/inner/file", b"")
    await case.host.write(f"{case.folder}/treetop", b"")
    await case.host.remove(f"{case.folder}/tree")
    await case.host.remove(f"{case.folder}/tree")
    assert await case.host.list(case.folder) == ["treetop"]
    await case.host.remove(f"{case.folder}/treetop")
    assert await case.host.list(case.folder) == []


async def test_nobody_listens_on_a_free_port(case: HostCase) -> None:
    assert await case.host.stranger("127.93.17.6", 5432) is None
