from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "numpy", "networkx", "rich", "graphviz", "scipy", "sklearn", "lark")
SCRIPT = """
import sys
from dnac.cli.main import main
code = main(sys.argv[1:])
{more}
print(code, len(sys.modules), *sorted(m for m in {heavy} if m in sys.modules))
"""


def loaded(*words: str, more: str = "") -> tuple[int, int, list[str]]:
    """Exit code, number of loaded modules, and heavy ones among them, of one command in a fresh process."""
    script = SCRIPT.format(more=more, heavy=HEAVY)
    run = subprocess.run([sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    code, count, *heavy = run.stdout.splitlines()[-1].split()
    return int(code), int(count), heavy


@pytest.mark.parametrize(
    "words",
    [
        ("check", "specs/dna_lm_top2_skip.dna"),
        ("check", "--json", "examples/05_experts.dna"),
        ("plan", "--json", "specs/dna_vision_top1.dna"),
        ("fmt", "--check", "examples/03_route.dna"),
        ("explain", "DNA101"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_the_front_end_loads_nothing_heavy(words: tuple[str, ...]):
    code, count, heavy = loaded(*words)
    assert code == 0
    assert heavy == []
    assert count < 500  # words of the language are files too


def test_the_guard_notices_a_heavy_import():
    assert loaded("--version", more="import numpy")[2] == ["numpy"]


def test_importing_dnac_loads_nothing_heavy():
    script = f"import dnac, sys; print(*[m for m in {(*HEAVY, 'pydantic')} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
