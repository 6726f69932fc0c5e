"""`demo`: the whole story in front of your eyes, told by the same commands that you would type."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

import holdfast
from holdfast.cli import exit_codes
from holdfast.cli.commands.connect import without_password
from holdfast.cli.program import Failed, Program, Repeated
from holdfast.cli.stage import Stage, stage
from holdfast.core.change import Json
from holdfast.core.errors import Error, NotFound, Refused
from holdfast.core.layout import Site
from holdfast.core.promise import Verdict
from holdfast.core.units import show_bytes, show_duration
from holdfast.providers import local

NAME = "orders"
DOCUMENT = """\
apiVersion: holdfast/v1
kind: Database
name: orders
owner: checkout
environment: production
tier: tier-0
size: xs
classification: confidential
"""
"""`examples/orders.yaml`, for an installation without the repository. A test compares them."""

_PSQL = f'psql "$(holdfast connect {NAME} --dsn)"'
SCALE = 5
LOAD_S = 5
CLIENTS = 4
RATE = 100
"""Transactions a second beside the drill: a load, and not a race for the processor."""


@click.command(
    epilog="""\b
Examples:
  holdfast demo
  holdfast demo --down
"""
)
@click.option("--down", is_flag=True, help="Remove the demo with its home.")
@click.option("-y", "--yes", is_flag=True, help="Remove other databases in that home, too.")
def demo(down: bool, yes: bool) -> None:
    """Show a three-node PostgreSQL that proves itself.

    A platform in a home of its own, a tier-0 database, real work, a restore test, and a primary
    killed under load, in about a minute. The home is $HOLDFAST_DEMO_HOME, else holdfast-demo in
    /var/lib (root) or in your data folder. Exits with 1 if any promise is not proven.
    """
    show = Demo(stage(), _home(os.environ, as_root=os.geteuid() == 0))
    try:
        if down:
            show.remove(others_too=yes)
        elif not show.tell():
            raise click.exceptions.Exit(exit_codes.FAILED)
    except Failed as error:
        show.stage.done(error.message, ok=False)
        for line in error.said:
            show.stage.say(f"    {line}")
        raise click.exceptions.Exit(error.exit_code) from None


def _home(environment: dict[str, str] | os._Environ[str], *, as_root: bool) -> Path:
    chosen = environment.get("HOLDFAST_DEMO_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if as_root:
        return Path("/var/lib/holdfast-demo")
    data = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(data) / "holdfast-demo"


@dataclass
class Demo:
    """One telling. Each chapter runs public commands and says what came of them."""

    stage: Stage
    home: Path

    def __post_init__(self) -> None:
        environment = {**os.environ, "HOLDFAST_HOME": str(self.home)}
        # The demo's control database is its own, whatever the platform at work here uses.
        environment.pop("HOLDFAST_DATABASE_URL", None)
        self.program = Program(self.stage, environment)

    def tell(self) -> bool:
        """All chapters; whether every promise is proven at the end."""
        begun = time.monotonic()
        self.stage.say("Holdfast: a PostgreSQL that proves its promises")
        self._platform()
        self._database()
        self._work()
        self._restore()
        self._kill()
        proven = self._promises()
        self._goodbye(time.monotonic() - begun)
        return proven

    def _platform(self) -> None:
        self.stage.heading(f"1  The platform, in {self.home}")
        took_s = self.program.holdfast("up").took_s
        self.stage.done(f"etcd, control database and control plane run ({show_duration(took_s)})")

    def _database(self) -> None:
        self.stage.heading("2  A highly available database, in eight lines")
        path = self._document()
        for line in path.read_text(encoding="utf-8").splitlines():
            self.stage.say(f"    {line}")
        self.program.holdfast("apply", str(path), "--yes")
        found = json.loads(self.program.silent("get", "databases", NAME, "-o", "json"))
        nodes = ", ".join(f"{node['name']} {node['role']}" for node in found["nodes"])
        self.stage.done(f"ready: {nodes}; TLS everywhere, pooled, first backup taken")

    def _work(self) -> None:
        self.stage.heading("3  Real work: pgbench, TPC-B")
        made = self._pgbench("migrator", "-i", "-s", str(SCALE), "-I", "dtGvp", "-q")
        self.stage.done(f"{SCALE * 100_000:,} accounts ({show_duration(made)})")
        self._pgbench("rw", "-n", "-c", str(CLIENTS), "-j", "1", "-T", str(LOAD_S))
        rate = round(float(self.program.found(r"tps = ([0-9.]+)")))
        self.stage.done(
            f"{rate} transactions a second, each on two nodes before it is acknowledged"
        )

    def _restore(self) -> None:
        self.stage.heading("4  Does the backup restore?")
        outcome = self._outcome("verify", NAME, "--layers", "0-6")
        took_s = outcome.get("restore_s", 0.0) + outcome.get("start_s", 0.0)
        self.stage.done(
            f"{show_bytes(outcome['size_bytes'])} restored and "
            f"{show_bytes(outcome.get('wal_bytes') or 0)} of WAL replayed in "
            f"{show_duration(took_s)}\n"
            f"{outcome['tables']} tables with {outcome['rows']:,} rows equal the source\n"
            "every index and every page is sound, and every foreign key holds\n"
            "restored to a marker by name, position and time: what came before it is there, the "
            "rest is not"
        )

    def _kill(self) -> None:
        self.stage.heading("5  Kill the primary with SIGKILL, under load")
        # pgbench gives up when its server dies; an application would connect again.
        with Repeated(self._pgbench_argv(CLIENTS, RATE), self._secret("rw", pooled=True)):
            outcome = self._outcome("drill", NAME, "kill-primary", "--consent", "the demo", "--yes")
        gaps = " and ".join(
            f"{show_duration(seconds)} {endpoint}" for endpoint, seconds in outcome["gap_s"].items()
        )
        self.stage.done(
            f"{outcome['new_leader']} took over: no writes for {gaps}\n"
            f"{outcome['lost']} of {outcome['acknowledged']:,} acknowledged writes lost\n"
            f"all nodes back after {show_duration(outcome['redundant_after_s'])}"
        )

    def _promises(self) -> bool:
        self.stage.heading("6  What the tier promises, and what was measured")
        rows = self._get("promises", NAME)
        proven = bool(rows) and all(row["verdict"] == Verdict.PROVEN for row in rows)
        self.stage.done("every promise is proven" if proven else "not all are proven", ok=proven)
        self.stage.verdicts(
            [(row["statement"], row["target"], row["measured"], row["verdict"]) for row in rows]
        )
        for row in rows:
            if row["verdict"] != Verdict.PROVEN:
                self.stage.say(f"  {row['statement']}: {row['reason']}")
        return proven

    def _goodbye(self, took_s: float) -> None:
        self.stage.say(f"\nAll of it took {show_duration(round(took_s))}. It goes on running:\n")
        self.stage.say(
            f"  export HOLDFAST_HOME={self.home}\n"
            f"  {f'holdfast connect {NAME}':<48}  a psql session\n"
            f"  {_PSQL:<48}  the same, from a URI\n"
            f"  {f'holdfast describe {NAME}':<48}  nodes and endpoints\n"
            f"  {'holdfast status':<48}  every part of the platform\n"
            f"  {f'holdfast drill {NAME} kill-node --consent demo':<48}  kill a whole node\n"
            f"  {'holdfast demo --down   (or make demo-down)':<48}  stop and remove all of it"
        )

    def remove(self, *, others_too: bool = False) -> None:
        """Delete the database with its backups, stop the platform, remove the home.

        Raises `Refused` when data of another database would go as well.
        """
        try:
            site = local.load(self.home)
        except NotFound:
            if self.home.exists() and any(self.home.iterdir()):
                raise Error(
                    f"{self.home} is not a home of Holdfast; it stays as it is",
                    subject=f"folder {self.home}",
                ) from None
            self.stage.say(f"there is no demo in {self.home}")
            shutil.rmtree(self.home, ignore_errors=True)
            return
        if not others_too and (others := _others(site)):
            raise Refused(
                f"{self.home} also holds {', '.join(others)}, which the demo did not make",
                subject=f"home {self.home}",
                hint="delete them, or add --yes to remove them with their backups",
            )
        self.stage.heading(f"Removing the demo in {self.home}")
        try:
            self.program.holdfast("delete", NAME, "--purge", "--yes")
            self.stage.done(f"{NAME} and its backups are deleted")
        except Failed as error:
            # Not up, or never made: what is left of it goes with the home.
            self.stage.done(f"{error.message}; its files go with the home")
        self.program.holdfast("down")
        shutil.rmtree(self.home)
        self.stage.done("stopped, and the home is removed")

    # -- the commands --------------------------------------------------------------------------

    def _get(self, *arguments: str) -> list[Json]:
        return self.program.holdfast(*arguments, "-o", "json").data()

    def _outcome(self, *arguments: str) -> Json:
        """The outcome of an operation; `Failed` with its reasons unless it is proven."""
        ran = self.program.holdfast(*arguments, "-o", "json", may_fail=True)
        if ran.exit_code in (exit_codes.OK, exit_codes.FAILED):
            (operation,) = ran.data() or [{}]
            outcome = operation.get("outcome")
            if outcome is not None and outcome["verdict"] == Verdict.PROVEN:
                return outcome
            if outcome is not None:
                said = tuple(outcome["reasons"])
                raise Failed(f"{outcome['verdict']}", said=said, exit_code=exit_codes.FAILED)
        raise ran.failed()

    def _secret(self, role: str, *, pooled: bool = False) -> dict[str, str]:
        """Environment for a libpq program: the URI's parts, the password among them."""
        arguments = ["connect", NAME, "--dsn", "--role", role, *(["--pooled"] if pooled else [])]
        uri = self.program.silent(*arguments).strip()
        bare, _ = without_password(uri)
        password = unquote(urlsplit(uri).netloc.rpartition("@")[0].partition(":")[2])
        return {"HOLDFAST_DEMO_URI": bare, "PGPASSWORD": password}

    def _pgbench_argv(self, clients: int, rate: int) -> list[str]:
        return [_pgbench(), "-n", "-c", str(clients), "-j", "1", "-R", str(rate), "-T", "60"]

    def _pgbench(self, role: str, *arguments: str) -> float:
        shown = f'pgbench {" ".join(arguments)} "$(holdfast connect {NAME} --dsn --role {role})"'
        secret = self._secret(role)
        argv = [_pgbench(), *arguments, secret.pop("HOLDFAST_DEMO_URI")]
        return self.program.other(argv, shown=shown, more=secret).took_s

    def _document(self) -> Path:
        example = Path(holdfast.__file__).parents[2] / "examples" / f"{NAME}.yaml"
        if example.exists():
            return example
        path = self.home / f"{NAME}.yaml"
        path.write_text(DOCUMENT, encoding="utf-8")
        return path


def _others(site: Site) -> list[str]:
    """Databases of the home, or retained backups of them, beside the demo's own.

    The folders tell, because the platform need not be up.
    """
    folders = (Path(site.cluster(NAME)).parent, Path(site.repository(NAME)).parent)
    found = {each.name for folder in folders if folder.is_dir() for each in folder.iterdir()}
    return sorted(found - {NAME})


def _pgbench() -> str:
    found = shutil.which("pgbench")
    if found is None:
        folders = Path("/usr/lib/postgresql").glob("*/bin/pgbench")
        newest = sorted(folders, key=lambda path: path.parts[4].zfill(3))
        if not newest:
            raise NotFound(
                "pgbench is not installed",
                subject="pgbench",
                hint="install the PostgreSQL server package, or run make setup",
            )
        found = str(newest[-1])
    return found
