"""Limits that keep files readable; ruff holds the limits on arguments, branches and complexity."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dnac").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 50


def test_files_stay_short():
    assert not [f"{name(p)}: {n} lines" for p in FILES if (n := text_of(p).count("\n")) > LONGEST_FILE]


def test_functions_stay_short():
    found = [(name(p), f, n) for p in FILES for f, n in functions(text_of(p))]
    assert not [f"{where} {f}: {n} lines" for where, f, n in found if n > LONGEST_FUNCTION]


def test_every_file_says_what_it_is():
    assert not [name(p) for p in FILES if not ast.get_docstring(ast.parse(text_of(p)))]


def test_there_is_no_unfinished_work():
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX")
    assert not [f"{name(p)}: {w}" for p in FILES for w in words if re.search(rf"\b{w}\b", text_of(p))]


def name(path: Path) -> str:
    """The path from the root of the project."""
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    """What a file holds."""
    return path.read_text(encoding="utf-8")


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and length of every function, its docstring not counted."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
            yield node.name, (node.end_lineno or start) - start + 1


def test_the_length_of_a_function_is_measured():
    text = 'def f():\n    """Doc\n\n    more."""\n    a = 1\n    return a\n'
    assert list(functions(text)) == [("f", 2)]
