"""Every ```dna block of the documentation parses; whole files check without errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from dnac.semantics.check import check
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag, Diagnostic
from dnac.text.source import Source

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAPER = "docs/systems_on_paper.md"

FOLLOWS = {
    "`parallel` has no `mix`",  # streams of a `parallel` are added today
}
"""Errors on the page of planned systems that come from a planned word beside them."""


class Block(NamedTuple):
    """One fenced block: its page, the line of its fence, its text."""

    page: str
    line: int
    text: str

    @property
    def is_file(self) -> bool:
        """Whether it is a whole `.dna` file."""
        return self.text.startswith("dna 1\n")

    @property
    def source(self) -> Source:
        return Source(f"{self.page}:{self.line}", self.text)


def fenced(language: str) -> list[Block]:
    """All blocks of a language in README and docs/."""
    blocks = list[Block]()
    for path in PAGES:
        text, page = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        for match in FENCE.finditer(text):
            if match[1] == language:
                blocks.append(Block(page, text.count("\n", 0, match.start()) + 1, match[2]))
    return blocks


UNMARKED = [b for b in fenced("") if b.is_file]
BLOCKS = [*fenced("dna"), *UNMARKED]
FILES = [b for b in BLOCKS if b.is_file and b.page != PAPER]
PLANNED = [b for b in BLOCKS if b.page == PAPER]


def name(block: Block) -> str:
    return f"{Path(block.page).stem}-{block.line}"


def shown(diagnostics: list[Diagnostic]) -> list[str]:
    return [f"{d.code} line {d.span.line if d.span else '?'}: {d.message}" for d in diagnostics]


@pytest.mark.parametrize("block", BLOCKS, ids=name)
def test_every_block_parses(block: Block):
    bag = Bag()
    text = block.text if block.is_file else f"dna 1\nnet example {{\n{block.text}}}\n"
    parse(Source(block.source.path, text), bag)
    assert not shown(list(bag))


@pytest.mark.parametrize("block", FILES, ids=name)
def test_a_whole_file_checks_without_errors(block: Block):
    checked = check(block.source)
    assert not shown([d for d in checked.bag if d.severity == "error"])
    assert checked.nets


@pytest.mark.parametrize("block", PLANNED, ids=name)
def test_a_planned_system_lacks_planned_words_alone(block: Block):
    errors = [d for d in check(block.source).bag if d.severity == "error"]
    assert not shown([d for d in errors if d.code != "DNA901" and d.message not in FOLLOWS])
    assert any(d.code == "DNA901" for d in errors), "all of it is built: it belongs in specs/"


def test_no_block_of_dna_goes_unmarked():
    assert not [b.page for b in UNMARKED if b.page != "README.md"], "write ```dna; a registry shows README without it"


def test_the_pages_have_blocks_to_test():
    assert len(FILES) >= 2
    assert PLANNED  # less with every system that is built
