"""The documents: links that lead somewhere, one spelling, a page for every decision."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("[A-Z]*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
AMERICAN = re.compile(
    r"\b(behavior|color|center|favor|honor|neighbor|labor|analyze|defense|fulfill|canceled|modeling)",
    re.IGNORECASE,
)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_file_leads_to_one(page):
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_spelling_is_british(page):
    assert AMERICAN.findall(CODE.sub("", page.read_text())) == []


@pytest.mark.parametrize("part", ["tutorial", "how-to", "reference", "explanation", "decisions"])
def test_every_page_of_a_part_stands_in_its_index(part):
    folder = ROOT / "docs" / part
    linked = set(LINK.findall((folder / "index.md").read_text()))
    pages = {page.name for page in folder.glob("*.md")} - {"index.md"}
    assert pages - linked == set()


def test_every_decision_has_a_number_of_its_own_and_says_why():
    numbers = []
    for page in sorted((ROOT / "docs/decisions").glob("0*.md")):
        numbers.append(page.name[:4])
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]}: ")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Alternatives.**"):
            assert part in text, f"{page.name} lacks {part}"
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_shell_scripts_are_executable_where_they_are_called():
    listed = subprocess.run(
        ["git", "ls-files", "--stage", "scripts/*.sh", ".ci/run"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert [line for line in listed if not line.startswith("100755")] == []
