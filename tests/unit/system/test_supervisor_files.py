import configparser
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.system.host import Program
from holdfast.system.supervisor_files import SupervisorPaths, definition, script, supervisord_conf

PATHS = SupervisorPaths(Path("/home/x/supervisor"))


def parsed(text: str) -> configparser.RawConfigParser:
    """As supervisord reads it: with comments behind values."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return parser


def test_definition_runs_the_start_script_as_the_user() -> None:
    program = Program("etcd-1", ("/bin/etcd",), "data", stop_signal="INT", stop_wait_s=7)
    section = dict(parsed(definition(PATHS, program, "data")).items("program:etcd-1"))
    assert section["command"] == "/bin/sh /home/x/supervisor/start/etcd-1.sh"
    assert section["user"] == "data"
    assert (section["stopsignal"], section["stopwaitsecs"]) == ("INT", "7")
    # PostgreSQL is stopped by Patroni: the group must not get the supervisor's signals.
    assert (section["stopasgroup"], section["killasgroup"]) == ("false", "false")
    assert section["autorestart"] == "true"


def test_output_never_passes_through_the_supervisor() -> None:
    section = parsed(definition(PATHS, Program("a", ("/bin/a",)), None))["program:a"]
    assert (section["stdout_logfile"], section["stderr_logfile"]) == ("NONE", "NONE")
    assert "user" not in section


def test_configuration_includes_all_programs_or_some() -> None:
    whole = parsed(supervisord_conf(PATHS, "holdfast-1", as_root=False))
    assert whole["include"]["files"] == "/home/x/supervisor/conf.d/*.ini"
    some = parsed(supervisord_conf(PATHS, "holdfast-1", as_root=True, names=["a", "b"]))
    assert some["include"]["files"].split() == [
        "/home/x/supervisor/conf.d/a.ini",
        "/home/x/supervisor/conf.d/b.ini",
    ]
    assert some["supervisord"]["user"] == "root"


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@given(argument=texts, value=texts)
@pytest.mark.timeout(120)
def test_script_hands_over_every_character(argument: str, value: str) -> None:
    program = Program("p", ("/bin/p", argument), folder="/tmp")
    text = script(PATHS, program, "u", {"VALUE": value})
    lines = text.splitlines(keepends=True)
    assert shlex.split(text[text.index("exec ") :])[-2:] == ["/bin/p", argument]
    assert lines[0] == "#!/bin/sh\n"


@pytest.mark.parametrize("value", ["a b", "'", '"', "$HOME `id`", "%(x)s %", "; #", "a\nb", "\\"])
def test_shell_reads_the_value_as_it_was(value: str) -> None:
    text = script(PATHS, Program("p", ("/bin/p",), folder="/tmp"), "u", {"VALUE": value})
    printing = text.replace("exec /bin/sh", 'printf %s "$VALUE"; exit #')
    done = subprocess.run(["/bin/sh", "-c", printing], capture_output=True, text=True, check=True)
    assert done.stdout == value
