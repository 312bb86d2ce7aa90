"""What the pages say is true: their Python runs as printed, links lead somewhere, figures name their command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.source import ROOT, fail_if

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)")
FIGURE = re.compile(r"^\|.*\d+(\.\d+)? ?(%|µs|ms|s)\b", re.MULTILINE)
COMMAND = re.compile(r"(resilient-ai|python -m) \w")


class Block(NamedTuple):
    """One fenced block: what stands after its opening fence, its lines, the number of its first line."""

    info: str
    lines: list[str]
    first: int


def blocks(page: Path) -> Iterator[Block]:
    inside: Block | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("```"):
            if inside is not None:
                inside.lines.append(line)
        elif inside is not None:
            yield inside
            inside = None
        else:
            inside = Block(line[3:].strip(), [], number + 1)
    assert inside is None, f"{page.name}: a fence that opens at line {inside and inside.first} is not closed"


def python_of(page: Path) -> str:
    """The page as a program: its ```python blocks at the lines where they stand, so that a traceback names them."""
    program: list[str] = []
    for block in blocks(page):
        if block.info == "python":  # a block marked `python no-run` is for the eye only
            program += [""] * (block.first - 1 - len(program)) + block.lines
    return "\n".join([*program, ""])


def prose_of(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as a link names them."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)], ids=name_of)
def test_python_in_pages_runs(page: Path, tmp_path: Path, simulator: Any) -> None:
    """The blocks of a page, top to bottom, are one program, run against the simulator as against the vendor.

    Besides the SDK's own variables, BACKUP_API_KEY and BACKUP_BASE_URL name a second provider.
    """
    program = tmp_path / f"{page.stem}.py"
    program.write_text(python_of(page), encoding="utf-8")
    primary, backup = simulator["primary"], simulator["backup"]
    world = {"OPENAI_API_KEY": primary.key, "OPENAI_BASE_URL": primary.base_url}
    world |= {"BACKUP_API_KEY": backup.key, "BACKUP_BASE_URL": backup.base_url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, program],
        env=os.environ | world,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{name_of(page)} (line numbers are the page's)\n{done.stdout}{done.stderr}"


def test_relative_links_lead_somewhere() -> None:
    """Pages link to files that exist, and to headings that are there."""
    problems = []
    for page in PAGES:
        for link in LINK.findall(prose_of(page)):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                problems.append(f"{name_of(page)}: {link} is not there")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                problems.append(f"{name_of(page)}: {link}: no such heading")
    fail_if(problems, "Mend the link.")


def test_figures_name_the_command_that_prints_them() -> None:
    """A table of figures stands in a section that says how to see them again."""
    problems = [
        f"{name_of(page)}: {section.splitlines()[0]}"
        for page in PAGES
        for section in re.split(r"^#+ ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if FIGURE.search(section) and not COMMAND.search(section)
    ]
    fail_if(problems, "Name the command (`resilient-ai drill …`, `python -m benchmarks.…`) in the same section.")


def test_the_readme_begins_with_two_commands_of_one_line() -> None:
    """Issue promise: each of the README's first two sh blocks is one line; .ci/run runs them as they stand."""
    first, second, *_ = [block for block in blocks(ROOT / "README.md") if block.info == "sh"]
    assert (len(first.lines), len(second.lines)) == (1, 1)
    assert first.lines[0].endswith("resilient-ai drill")
    assert second.lines[0].endswith("nox")
