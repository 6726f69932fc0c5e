"""The reference is what the code says, and no page shows a command that there is not."""

import re
import shlex
from pathlib import Path
from typing import cast

import click
import pytest

from holdfast.api.application import application
from holdfast.app.wiring import Control
from holdfast.cli.main import cli
from holdfast.core import layout
from holdfast.recovery.layers import layers
from tests.unit.house import check_pages, reference_pages

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SETTING = re.compile(r"\bHOLDFAST_[A-Z][A-Z_]*[A-Z]\b")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```|^((?: {4}.*\n)+)", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(holdfast [^`\n]+)`")
INTERNAL = {"HOLDFAST_DEMO_URI", "HOLDFAST_SANDBOX", "HOLDFAST_COMPLETE"}
"""Between our own programs, and never set by anybody."""


@pytest.mark.docs
def test_the_command_line_is_described_as_it_is(generated):
    generated("docs/reference/cli.md", reference_pages.command_line())


@pytest.mark.docs
def test_the_api_is_described_as_it_is(generated):
    document = application(cast(Control, None), token=str).openapi()
    generated("docs/reference/api.md", reference_pages.api(document))


@pytest.mark.docs
def test_errors_and_exit_codes_are_described_as_they_are(generated):
    generated("docs/reference/errors.md", reference_pages.errors_page())


@pytest.mark.docs
def test_the_layers_of_proof_are_described_as_they_are(generated):
    generated("docs/reference/layers.md", reference_pages.layers_index())
    pages = {f"{each.id}.md": reference_pages.layer_page(each) for each in layers()}
    for name, text in pages.items():
        generated(f"docs/reference/layers/{name}", text)
    there = {each.name for each in (ROOT / "docs/reference/layers").iterdir()}
    assert there == pages.keys()


@pytest.mark.docs
def test_drills_are_described_as_they_are_declared(generated):
    generated("docs/reference/drills.md", reference_pages.drills())


@pytest.mark.docs
def test_the_rules_are_described_as_they_are(generated):
    generated("docs/reference/rules.md", check_pages.rules())


@pytest.mark.docs
def test_the_tools_are_described_as_they_are(generated):
    generated("docs/reference/migration-tools.md", check_pages.tools())


def commands_in(page: Path) -> set[str]:
    """Every `holdfast ...` of a page, in blocks and in running text.

    What has neither option nor argument is in running text the name of a command.
    """
    text = page.read_text()
    found = {each for each in INLINE.findall(text) if not is_name(each)}
    for fence, fenced, indented in BLOCK.findall(text):
        if fence in ("", "sh", "console"):
            for typed in (fenced or indented).splitlines():
                line = typed.strip().removeprefix("$ ")
                found |= set(re.findall(r"\$\((holdfast [^()]+)\)", line))
                if line.startswith("holdfast "):
                    found.add(line)
    return found


def is_name(command: str) -> bool:
    """Whether it only leads to a command."""
    group: click.Command | None = cli
    for word in command.split()[1:]:
        if not isinstance(group, click.Group):
            return False
        group = group.get_command(click.Context(group), word)
    return group is not None


STANDS_FOR = {"NAME": "orders", "ID": "op-7k2m9qwd4"}
"""What a page writes where its reader writes a name of their own."""


def words(command: str) -> list[str]:
    """The arguments of one command, without what a shell would do with its output."""
    split = [STANDS_FOR.get(word, word) for word in shlex.split(command, comments=True)[1:]]
    shell = ("|", "<", ">", ">>", "&&", ";", "&")
    ends = [place for place, word in enumerate(split) if word in shell]
    return split[: ends[0]] if ends else split


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists_with_its_options(page):
    wrong = {}
    for command in commands_in(page):
        if re.search(r"[\[\]…]|\.\.\.", command):  # a usage line
            continue
        group, arguments = cli, words(command)
        context = click.Context(cli, info_name="holdfast", **cli.context_settings)
        try:
            while isinstance(group, click.Group) and arguments:
                if arguments[0].startswith("-"):
                    break
                name, found, arguments = group.resolve_command(context, arguments)
                assert found is not None
                group = found
                context = click.Context(found, info_name=name, parent=context)
            if arguments and not isinstance(group, click.Group):
                group.make_context("holdfast", arguments, parent=context.parent)
        except click.UsageError as error:
            wrong[command] = error.format_message()
    assert wrong == {}


def test_every_setting_is_described():
    places = [*ROOT.glob("src/**/*.py"), *ROOT.glob("scripts/*.sh"), *ROOT.glob("src/**/*.sh")]
    used = {name for place in places for name in SETTING.findall(place.read_text())}
    described = set(SETTING.findall((ROOT / "docs/reference/configuration.md").read_text()))
    assert used - INTERNAL - described == set()
    assert described - used == set()


def test_every_port_is_described():
    page = (ROOT / "docs/reference/configuration.md").read_text()
    ports = {name: port for name, port in vars(layout).items() if name.endswith("_PORT")}
    assert {name for name, port in ports.items() if f"| {port} |" not in page} == set()


def test_every_example_document_is_mentioned():
    text = "".join(page.read_text() for page in PAGES)
    assert [each.name for each in ROOT.glob("examples/*.yaml") if each.name not in text] == []


def test_every_finding_of_the_ledger_is_described():
    page = (ROOT / "docs/reference/evidence.md").read_text()
    places = [ROOT / "src/holdfast/evidence/audit.py", ROOT / "src/holdfast/app/evidence.py"]
    noted = re.compile(r"\.(?:add|warn)\(\s*\"([a-z-]+)\"")
    used = {id for place in places for id in noted.findall(place.read_text())}
    assert {id for id in used if f"`{id}`" not in page} == set()
