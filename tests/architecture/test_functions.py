"""Gradients that a compiler would lose without a word.

torch 2.11 compiles an `autograd.Function` whose forward pass ends in a cast, to the type that is there already, into
one without any gradient: to its inputs, and to all that lies in front of them. 2.13 does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "dnac"
CASTS = ("to", "type_as", "float", "double", "half", "bfloat16")


def ends(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """What the forward passes of a file's functions return."""
    for made in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(made, ast.ClassDef) and any(ast.unparse(base).endswith("Function") for base in made.bases):
            for method in made.body:
                if isinstance(method, ast.FunctionDef) and method.name == "forward":
                    yield from ((made.name, r.value) for r in ast.walk(method) if isinstance(r, ast.Return) and r.value)


def is_cast(value: ast.expr) -> bool:
    """`x.to(...)`, whatever the type of x; behind a condition it is meant."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in CASTS


FILES = [path for path in sorted(ROOT.rglob("*.py")) if "autograd.Function" in path.read_text(encoding="utf-8")]


@pytest.mark.torchfree
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_forward_pass_ends_in_a_cast(path: Path) -> None:
    found = list(ends(path))
    assert found
    assert [f"{name}: {ast.unparse(value)}" for name, value in found if is_cast(value)] == []
