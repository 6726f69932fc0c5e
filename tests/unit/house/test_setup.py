"""scripts/setup.sh on machines that lack things: one clear sentence, and nothing done."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BASICS = (
    *("sh", "dirname", "grep", "sed", "head", "tail", "cat", "cut", "awk", "df", "date", "env"),
    *("mkdir", "rm", "sha256sum", "tee", "chmod", "flock", "true"),
)
SERVERS = ("psql", "etcd", "etcdctl", "pgbackrest", "pgbouncer")


def script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.unlink(missing_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


class Machine:
    """A clone of the repository's set-up and a PATH that holds only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.clone = folder / "clone"
        self.bin.mkdir()
        for name in BASICS:
            found = shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)
        (self.clone / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/setup.sh", self.clone / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.clone)
        shutil.copytree(ROOT / "requirements", self.clone / "requirements")
        self.user(1000)

    def user(self, uid: int) -> None:
        script(self.bin, "id", f'[ "$1" = -u ] && echo {uid}')

    def python(self, version: tuple[int, int] = (3, 11), *, venv: bool = True) -> None:
        """A stand-in interpreter that answers the two questions set-up asks of one."""
        fits = 0 if version >= (3, 11) else 1
        script(
            self.bin,
            "python3",
            f'case "$2" in *version_info*) exit {fits};; *ensurepip*) exit {0 if venv else 1};; '
            f"*) echo {version[0]}.{version[1]};; esac",
        )

    def servers(self, *names: str, major: int = 15) -> None:
        for name in names:
            script(self.bin, name, "true")
        script(self.bin, "postgres", f"echo 'postgres (PostgreSQL) {major}.4 (Debian)'")
        script(self.bin, "pg_amcheck", "true")

    def apt(self, *, update: int = 0) -> None:
        """An apt that knows every package and writes down what it is asked for."""
        calls = self.bin.parent / "apt-calls"
        refuse = f'case "$*" in *" update"*) exit {update};; esac'
        script(self.bin, "apt-get", f'echo "$*" >>{calls}\n{refuse}')
        script(
            self.bin,
            "apt-cache",
            '[ "$1" = depends ] && echo "  Depends: postgresql-17"\nexit 0',
        )

    def setup(self, *arguments: str, dry: bool = True, **environment: str) -> tuple[int, str]:
        run = subprocess.run(
            [str(self.clone / "scripts/setup.sh"), *arguments],
            env={
                "PATH": str(self.bin),
                "HOLDFAST_SETUP_SEARCH": str(self.bin),
                "HOLDFAST_SETUP_MIN_FREE_MB": "1",
                **({"HOLDFAST_SETUP_DRY_RUN": "1"} if dry else {}),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return run.returncode, run.stdout + run.stderr


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_without_apt_it_names_what_is_missing_in_one_sentence(machine):
    machine.python()
    code, text = machine.setup()
    assert code == 1
    assert text == (
        "setup failed: these programs are missing and there is no apt to install them with: "
        "postgresql etcd-server etcd-client pgbackrest pgbouncer (Debian's package names)\n"
    )


def test_an_ordinary_user_without_sudo_is_told_which_packages_are_missing(machine):
    machine.python()
    machine.apt()
    machine.servers("psql", "etcd", "etcdctl", "pgbackrest")
    code, text = machine.setup()
    assert code == 1
    assert text.count("\n") == 1
    assert "neither root nor passwordless sudo" in text
    assert text.endswith(": pgbouncer\n")


def test_an_ordinary_user_whose_machine_has_everything_needs_no_root(machine):
    machine.python()
    machine.servers(*SERVERS)
    code, text = machine.setup()
    assert code == 0
    assert "Python packages into .venv" in text
    assert "apt" not in text
    assert "system user" not in text


def test_root_is_told_what_would_be_installed_and_that_a_user_would_be_made(machine):
    machine.user(0)
    machine.apt()
    machine.python()
    code, text = machine.setup()
    assert code == 0
    assert (
        "setup: would install with apt: postgresql-17 postgresql-client-17 "
        "etcd-server etcd-client pgbackrest pgbouncer\n" in text
    )


def test_sudo_without_a_password_is_enough(machine):
    machine.apt()
    machine.python()
    script(machine.bin, "sudo", 'shift; exec "$@"')
    code, text = machine.setup()
    assert code == 0
    assert "would install with apt" in text


def test_an_etcd_without_the_interface_we_use_does_not_count(machine):
    machine.python()
    machine.servers(*SERVERS)
    script(machine.bin, "etcd", "echo 'etcd Version: 3.3.25'; echo 'Git SHA: 0'")
    code, text = machine.setup()
    assert code == 1
    assert text.endswith(": etcd-server (Debian's package names)\n")


@pytest.mark.parametrize("major", [13, 19])
def test_a_server_of_another_major_does_not_count(machine, major):
    machine.python()
    machine.servers(*SERVERS, major=major)
    code, text = machine.setup()
    assert code == 1
    assert "postgresql" in text


def test_a_python_that_is_too_old_does_not_count(machine):
    machine.python((3, 10))
    machine.servers(*SERVERS)
    code, text = machine.setup()
    assert code == 1
    assert "venv" in text


def test_a_python_without_venv_asks_for_the_package(machine):
    machine.user(0)
    machine.apt()
    machine.python(venv=False)
    machine.servers(*SERVERS)
    code, text = machine.setup()
    assert code == 0
    assert "would install with apt: python3-venv\n" in text


def test_a_full_disk_is_named_before_anything_is_done(machine):
    machine.python()
    machine.servers(*SERVERS)
    code, text = machine.setup(HOLDFAST_SETUP_MIN_FREE_MB="999999999")
    assert code == 1
    assert "MB free and 999999999 MB are needed" in text


def test_no_network_is_said_in_one_sentence(machine):
    machine.user(0)
    machine.apt(update=100)
    machine.python()
    code, text = machine.setup(dry=False)
    assert code == 1
    assert text.splitlines()[-1].startswith("setup failed: apt-get update did not succeed")
    assert not (machine.clone / ".venv").exists()


def test_a_dry_run_changes_nothing(machine):
    machine.user(0)
    machine.apt()
    machine.python()
    before = sorted(machine.clone.rglob("*"))
    assert machine.setup()[0] == 0
    assert sorted(machine.clone.rglob("*")) == before
    assert not (machine.bin.parent / "apt-calls").exists()


def test_an_unknown_argument_is_a_usage_error(machine):
    assert machine.setup("--fast") == (2, "usage: scripts/setup.sh [--dev]\n")


def test_a_folder_that_is_not_writable_is_named(machine):
    machine.python()
    machine.servers(*SERVERS)
    (machine.clone / "build").write_text("a file where a folder has to be: not even root may")
    code, text = machine.setup(dry=False)
    assert (code, text) == (1, f"setup failed: {machine.clone} is not writable\n")
