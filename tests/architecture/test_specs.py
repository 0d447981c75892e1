"""Every spec and example is checked, planned and drawn; the sizes are those of the papers."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnac import catalogue
from dnac.driver import check
from dnac.report import dot, html, mermaid
from dnac.report.base import Material
from dnac.report.write import diagram_of
from dnac.schedule.plan import plan
from dnac.semantics.result import CheckedNet
from dnac.text.files import read_source

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "specs").glob("*.dna"), *(ROOT / "examples").rglob("*.dna")])

COUNTS = {
    "dna_vision_top1": (34_464_768, 22_073_088),
    "dna_vision_top2_skip": (18_670_080, 18_670_080),
    "dna_lm_top1": (583_014_400, 406_824_960),
    "dna_lm_top2": (603_185_664, 433_279_488),
    "gpt2_medium": (406_013_952, 406_013_952),
    "vit_small": (21_997_056, 21_997_056),
    "mixtral_small": (
        12 * (4 * 768**2 + 8 * 3 * 768 * 2048 + 8 * 768 + 2 * 768) + 2 * 50304 * 768 + 768,
        12 * (4 * 768**2 + 2 * 3 * 768 * 2048 + 8 * 768 + 2 * 768) + 2 * 50304 * 768 + 768,
    ),
}
"""Parameters in all, and active at most: docs/numerics.md derives them by hand."""

LEAKY = {"expert_choice", "mixture_of_depths", "mixture_of_recursions"}
"""Nets of text whose training looks at later tokens, which their files admit."""

OWN_UP = {("mixture_of_recursions", "mor_shared_keys"), ("recursions", "mor"), ("depths", "mod"), ("depths", "drawn")}
"""The same, in files of experiments: (file, net)."""

BOTH_WAYS = {"histogram"}
"""Files of experiments whose attention sees the whole sequence."""

WARNED = {"exits": {"DNA571"}, "taught": {"DNA571"}, "rotating": {"DNA571"}, "why": {"DNA508"}}
"""Warnings that files of experiments mean: a threshold that a setting lowers later, a bias that moves slowly."""


def nets(path: Path) -> tuple[CheckedNet, ...]:
    """All nets of a file, which must have no error."""
    if path.parent.name == "my_kind":
        catalogue.add_folder(path.parent)
    checked = check(read_source(path))
    meant = WARNED.get(path.stem, set[str]())
    assert not [d for d in checked.bag if d.severity != "note" and d.code not in meant], [
        d.message for d in checked.bag
    ]
    assert checked.nets
    return checked.nets


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_file_has_verdicts_a_plan_and_pictures(path: Path):
    for net in nets(path):
        planned = plan(net)
        is_leaky = net.name in LEAKY or (path.stem, net.name) in OWN_UP or path.stem in BOTH_WAYS
        assert planned["causal"] is (not is_leaky if net.graph.is_text else None)
        assert planned["row_independent"] is True
        assert 0 < planned["params"]["active_min"] <= planned["params"]["active_max"]
        material = Material(net.graph, planned, str(path))
        diagram = diagram_of(material)
        assert {"input", "embed", "head", "output"} <= {box.role for box in diagram.boxes()}
        assert mermaid.source(diagram).startswith("---")
        assert dot.source(diagram).startswith("digraph")
        assert len(html.page(material, diagram)) < 300_000


@pytest.mark.parametrize("name", COUNTS)
def test_the_sizes_are_exact(name: str):
    (net,) = nets(ROOT / "specs" / f"{name}.dna")
    params = plan(net)["params"]
    assert (params["total"], params["active_max"]) == COUNTS[name]


def test_a_quarter_of_the_choices_skipped_leaves_14_million_active():
    (net,) = nets(ROOT / "specs" / "dna_vision_top2_skip.dna")
    assert round(plan(net)["params"]["active_expected"] / 1e6, 2) == 14.34


@pytest.mark.parametrize("kind", ["text", "digits"])
def test_a_dense_twin_has_as_many_active_parameters(kind: str):
    (routed,), (dense,) = (nets(ROOT / "specs" / f"{name}_tiny_{kind}.dna") for name in ("dna", "dense"))
    routed_active, dense_total = plan(routed)["params"]["active_expected"], plan(dense)["params"]["total"]
    assert routed_active == pytest.approx(dense_total, rel=0.02)
    same = ("data", "valid", "batch", "length", "lr", "seed")
    assert routed.train is not None
    assert dense.train is not None
    assert all(routed.train[key] == dense.train[key] for key in same)


def test_every_wanted_spec_is_there():
    wanted = {*COUNTS, *LEAKY, "switch", "dna_tiny_text", "dna_tiny_digits", "dense_tiny_text", "dense_tiny_digits"}
    assert wanted <= {p.stem for p in FILES}


def test_no_file_is_long():
    """But for those of experiments, which hold all their arms."""
    files = [p for p in FILES if "experiments" not in p.parts]
    assert not [p.name for p in files if p.read_text().count("\n") > 60]


def test_the_readme_shows_a_real_file():
    readme = (ROOT / "README.md").read_text()
    shown = readme.split("```\ndna 1\n")[1].split("```")[0]
    file = (ROOT / "specs" / "dna_lm_top2_skip.dna").read_text()
    assert all(line in file for line in shown.splitlines() if line.strip())
