"""The six parameter counts of the DNA papers' models, from the kinds' own declarations."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import pytest

import dnac
from dnac import catalogue
from dnac.ir.form import Form, form
from dnac.kinds.base import Site, params_of


def count(of: str, form_: Form, *context: object) -> int:
    kind = catalogue.get(of, form_.name)
    return sum(prod(spec.shape) for spec in kind.weights(params_of(kind, form_), *context))


def block(width: int, heads: int, tokens: int, causal: bool) -> int:
    site = Site(width=width, tokens=tokens, causal=causal)
    kind = catalogue.get("module", "transformer")
    parts = kind.expand(kind.resolve(kind.Params(heads=heads), site), site)
    return sum(count("module", part, site) for _, part in parts)


def ends(width: int, text: bool) -> int:
    if text:
        source = catalogue.get("input", "text").Params(context=1024, vocabulary=50257)
        embed, head, outputs = form("tokens", width=width, positions=form("learned")), form("unembed"), 50257
    else:
        source = catalogue.get("input", "image").Params(size=(224, 224), channels=3, classes=1000)
        embed = form("patches", width=width, size=16, positions=form("learned"))
        head, outputs = form("classify"), 1000
    return count("embed", embed, source) + count("head", head, width, outputs)


@pytest.mark.parametrize(
    ("width", "heads", "text", "backbone", "blocks", "identities", "steps", "k", "total", "active"),
    [
        (384, 6, False, 1, 18, 0, 11, 1, 34_464_768, 22_073_088),
        (256, 4, False, 1, 22, 2, 11, 2, 18_670_080, 18_670_080),
        (1024, 16, True, 2, 36, 0, 22, 1, 583_014_400, 406_824_960),
        (768, 12, True, 2, 72, 0, 24, 2, 603_185_664, 433_279_488),
        (1024, 16, True, 24, 0, 0, 0, 0, 406_013_952, 406_013_952),
        (384, 6, False, 12, 0, 0, 0, 0, 21_997_056, 21_997_056),
    ],
    ids=["dna_vision_top1", "dna_vision_top2_skip", "dna_lm_top1", "dna_lm_top2", "gpt2_medium", "vit_small"],
)
def test_counts_are_the_papers(width, heads, text, backbone, blocks, identities, steps, k, total, active):
    one = block(width, heads, 1024 if text else 196, text)
    routers = steps * count("score", form("linear"), width, blocks + identities) if steps else 0
    fixed = ends(width, text) + routers
    assert fixed + (backbone + blocks) * one == total
    assert fixed + (backbone + steps * k) * one == active


ROOT = Path(__file__).parents[3]
TABLE = re.findall(r"^\| (\w+) \(D .*$", (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("spec", TABLE)
def test_the_table_of_the_numerics_page_is_what_plan_says(spec):
    page = (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| {spec} ("))
    total, active, *flops = [cell.strip().replace(",", "") for cell in row.strip("|").split("|")[1:]]
    plan = dnac.load(ROOT / "specs" / f"{spec}.dna").plan()
    costs = plan["flops_per_token"]
    assert int(total) == plan["params"]["total"]
    assert int(active.split()[0].replace("the", total)) == plan["params"]["active_max"]
    assert [int(flops[0] if cell == "the same" else cell) for cell in flops] == list(costs.values())


def test_the_table_has_six_models():
    assert len(TABLE) == 6
