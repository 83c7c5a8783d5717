"""The documents cannot rot: their Python and their commands run, and their links lead somewhere.

Blocks that are only ```python make one script per document; the comment lines at the end of a block are what it prints. Lines of a
```console block that begin with `$ tachylite` run. Blocks that say more than ```python are quotations, which tools/generate.py keeps.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


def blocks(document: Path, kind: str) -> list[str]:
    """The text of each fenced block of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def documents_with(kind: str) -> pytest.MarkDecorator:
    """Parametrize over the documents that have such blocks."""
    chosen = [d for d in DOCUMENTS if blocks(d, kind)]
    return pytest.mark.parametrize("document", chosen, ids=lambda d: str(d.relative_to(ROOT)))


@pytest.fixture
def run(tmp_path):
    """Runs Python in a folder that has the examples but is not the checkout, so that what a document writes stays out of it."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    def run(*arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, f"{arguments[-1]}\n{done.stderr}"
        return done.stdout

    return run


@documents_with("python")
def test_python_runs_and_prints_what_it_says(document, run):
    code = blocks(document, "python")
    said = [comment[0] for text in code if (comment := re.search(r"(^# .*\n)+\Z", text, re.MULTILINE))]
    assert run("-c", "\n".join(code)) == re.sub("^# ", "", "".join(said), flags=re.MULTILINE)


@documents_with("console")
def test_commands_run(document, run):
    for text in blocks(document, "console"):
        for command in re.findall(r"^\$ (tachylite .*)$", text, re.MULTILINE):
            run("-m", *shlex.split(command))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
