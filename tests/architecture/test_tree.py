"""`docs/architecture.md` shows every file with the first line of its docstring; this test keeps it so."""

from __future__ import annotations

import ast
from pathlib import Path

import golden

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- tree -->\n```\n", "```\n<!-- end of tree -->"
ORDER = (
    "text", "syntax", "ir", "kinds", "semantics", "passes", "schedule", "lowering", "data", "importing", "train",
    "serve", "lsp", "bench", "report", "cli", "std",
)  # fmt: skip
"""Folders in the order of the layers."""


def test_the_tree_in_the_docs_is_the_tree_of_files():
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(START)
    drawn, foot = rest.split(END)
    wanted = tree()
    if golden.UPDATE:
        PAGE.write_text(head + START + wanted + END + foot, encoding="utf-8")
        return
    assert drawn == wanted, "docs/architecture.md is behind; `make goldens` writes it anew"


def test_every_layer_has_its_place_in_the_tree():
    folders = {p.name for p in (ROOT / "dnac").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(ORDER)


def tree() -> str:
    """One line per file: its place, and what it is."""
    package = ROOT / "dnac"
    lines = ["dnac/", *(line(p, 1) for p in sorted(package.glob("*.py")))]
    for name in ORDER:
        lines += folder(package / name, 1)
    return "\n".join(lines) + "\n"


def folder(path: Path, depth: int) -> list[str]:
    """A folder, its files, its folders."""
    lines = [f"{'  ' * depth}{path.name}/"]
    lines += [line(p, depth + 1) for p in sorted(path.glob("*.py")) if p.name != "__init__.py"]
    lines += [line(p, depth + 1) for p in sorted(path.glob("*.dna"))]
    for inner in sorted(p for p in path.iterdir() if p.is_dir() and any(p.glob("*.py"))):
        lines += folder(inner, depth + 1)
    return lines


def line(path: Path, depth: int) -> str:
    """`  name.py            what it is`"""
    return f"{'  ' * depth + path.name:34}{summary(path)}".rstrip()


def summary(path: Path) -> str:
    """The first line of a docstring, or of a spec's leading comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".dna":
        return next((row.lstrip("# ").strip() for row in text.splitlines() if row.startswith("#")), "")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
