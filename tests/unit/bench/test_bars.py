"""The rows of `benchmarks/bars.py`: each has its spec, and its figures are held to the right side of a bar."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import dnac
from dnac.bench.shape import twin_of

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "benchmarks" / "bars"


def script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("bars_script", ROOT / "benchmarks" / "bars.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bars_script"] = module
    spec.loader.exec_module(module)
    return module


bars = script()


@pytest.mark.parametrize("name", bars.ROWS)
def test_every_row_has_a_spec_with_a_dense_twin_at_full_and_at_tiny_size(name: str):
    row = bars.ROWS[name]
    full = dnac.load(FOLDER / f"{row.spec}.dna", settings=row.settings).graph
    tiny = dnac.load(FOLDER / f"{row.spec}.dna", settings=(*row.settings, *row.tiny, "depth=2")).graph
    assert len(twin_of(tiny).parts) <= len(twin_of(full).parts)
    assert full.width > tiny.width == 32


def _of(modules: int, steps: int) -> int:
    """Parameters of top1 and top2: both ends, modules, routers."""
    return 2 * 50304 * 768 + 768 + modules * (12 * 768 * 768 + 2 * 768) + steps * 768 * modules


@pytest.mark.parametrize(
    ("name", "blocks", "params"),
    [
        ("top1_16", 12, _of(16, 12)),
        ("top2_24", 24, _of(24, 12)),
        ("medium", 24, 583_014_400 + 2 * (50304 - 50257) * 1024),
        ("vision_top1", 12, 34_464_768),
        ("fixed", 12, None),
    ],
)
def test_sizes_are_those_that_the_bars_name(name: str, blocks: int, params: int | None):
    row = bars.ROWS[name]
    spec = dnac.load(FOLDER / f"{row.spec}.dna", settings=row.settings)
    assert len(twin_of(spec.graph).parts) == 2 * blocks
    if params is not None:
        assert spec.plan()["params"]["total"] == params


@pytest.mark.parametrize(
    ("what", "value", "verdict"),
    [
        ("throughput", 0.94, "missed"),
        ("throughput", 0.95, "met"),
        ("throughput", 1.0, "stretch met"),
        ("throughput", None, "not measured"),
        ("peak memory", 0.96, "missed"),
        ("peak memory", 0.95, "met"),
        ("peak memory", 0.90, "stretch met"),
    ],
)
def test_memory_and_compile_time_are_held_from_above_and_all_else_from_below(what: str, value: float, verdict: str):
    stretch = 0.9 if "memory" in what else 1.0
    assert bars._held(what, value, 0.95, stretch)["verdict"] == verdict


def test_a_case_that_was_not_measured_is_no_fault():
    assert bars._got(bars.faster("dnac zipf", "dense"), {"cases": []}) is None
    case = {"name": "dnac uniform", "against": {"dense": {"time": {"median": 0.9}}}}
    assert bars._got(bars.faster("dnac uniform", "dense"), {"cases": [case]}) == 0.9
    assert bars._got(bars.faster("dnac uniform", "naive"), {"cases": [case]}) is None
