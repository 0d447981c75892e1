"""The routers of `std/routers.dna`: they check, say what their papers say, and start as they should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import graphs
from dnac import catalogue
from dnac.ir.form import Form, form
from dnac.ir.graph import RouterSet
from dnac.kinds.params import NORMAL
from dnac.kinds.router import RouterParams
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source

SPEC = """dna 1
use "std/routers.dna"
net a {{
  input text(context = 8, vocabulary = 16)
  embed tokens(8, positions = none)
  pool nodes {{ block[4] = mlp(gelu, 1x); skip[2] = identity() }}
  pool experts(norm = rms) {{ shared[2] = mlp(swiglu, 8); ffn[8] = mlp(swiglu, 8) }}
  nodes_hop: route nodes by std.dna_eq1()
  hop: route {over} by std.{preset}
  experts_hop: route experts by std.switch()
  head lm = unembed()
}}
"""
SKIP = form("skip_target", member="skip", share=0.25, per="step", rate=0.001)


def router(over: str, preset: str, tmp_path: Path) -> RouterSet:
    checked = check(Source(str(tmp_path / "a.dna"), SPEC.format(over=over, preset=preset)))
    assert not checked.bag.has_errors, [d.message for d in checked.bag]
    return checked.nets[0].graph.router["hop"]


def top(k: int) -> Form:
    """`top(k)`, complete."""
    return catalogue.get("choose", "top").Params(k=k).form("top")


def fields(**changed: object) -> Form:
    return RouterParams(**changed).form("router")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("over", "preset", "expected"),
    [
        ("nodes", "dna_eq1()", fields(choose=top(1), weight=form("raw"), balance=())),
        (
            "nodes",
            "dna_eq1(k = 2, balance = skip_target(skip, 25%))",
            fields(choose=top(2), weight=form("raw"), balance=(SKIP,)),
        ),
        (
            "nodes",
            "dna_code(k = 2, balance = [skip_target(skip, 25%, per = identity)])",
            fields(
                choose=top(2),
                weight=form("raw"),
                combine=form("in_branch"),
                balance=(SKIP.replace(per="identity"),),
            ),
        ),
        (
            "experts",
            "switch()",
            fields(
                read=form("normed"),
                noise=form("jitter", share=0.01),
                choose=top(1),
                weight=form("raw"),
                balance=(form("aux", weight=0.01, per="batch"),),
            ),
        ),
        (
            "experts",
            "noisy_top()",
            fields(
                read=form("normed"),
                noise=form("normal", std="learned"),
                choose=top(4),
                weight=form("renormalised"),
                balance=(form("cv2", importance=0.1, load=0.1),),
            ),
        ),
        (
            "experts",
            "mixtral()",
            fields(
                read=form("normed"),
                choose=top(2),
                weight=form("renormalised"),
                balance=(form("aux", weight=0.02, per="batch"),),
            ),
        ),
        (
            "experts",
            "deepseek(k = 3, shared = shared)",
            fields(
                read=form("normed"),
                gate=catalogue.get("gate", "sigmoid").Params().form("sigmoid"),
                choose=top(3),
                always=("shared",),
                weight=form("renormalised"),
                scale=2.5,
                balance=(form("load_bias", rate=0.001), form("aux", weight=0.0001, per="sequence")),
            ),
        ),
    ],
    ids=["dna_eq1", "dna_eq1_skip", "dna_code", "switch", "noisy_top", "mixtral", "deepseek"],
)
def test_a_preset_is_what_its_paper_says(over, preset, expected, tmp_path):
    assert router(over, preset, tmp_path).fields == expected


def test_mixture_of_depths_must_be_admitted(tmp_path):
    text = SPEC.format(over="nodes", preset="mod(member = block)")
    checked = check(Source(str(tmp_path / "a.dna"), text))
    assert [d.code for d in checked.bag if d.severity == "error"] == ["DNA512"]
    admitted = text.rstrip().removesuffix("}") + "  assert not_causal(hop)\n}\n"
    (net,) = check(Source(str(tmp_path / "a.dna"), admitted)).nets
    fields = net.graph.router["hop"].fields
    assert fields["choose"]["takers"] and fields["choose"]["rest"] is not None
    assert fields["decode"] == form("predictor", score=form("mlp", hidden=128, init=NORMAL), loss=0.01)


def test_under_equation_1_the_first_weights_are_one_over_the_number_of_modules():
    """And in the authors' code attention starts at 1/k: M / k times more (rule 1.9)."""
    ids = torch.randint(0, 256, (2, 12), generator=torch.Generator().manual_seed(0))
    means, gains = {}, {}
    for combine in ("delta", "in_branch"):
        graph = graphs.tiny_text(
            steps=1, blocks=36, skips=0, k=2, combine=form(combine), score=form("linear", init=NORMAL)
        )
        network = Network(graph, "reference", dtype=torch.float64)
        means[combine] = network(ids).stats[0].weight.item()
        open_gates = [torch.full((36,), value, dtype=torch.float64) for value in (0.0, 1.0)]
        without, whole = (network(ids, module_gates=[gate]).logits for gate in open_gates)
        gains[combine] = (whole - without).norm().item()
    assert means["delta"] == means["in_branch"] == pytest.approx(1 / 36, rel=0.2)
    assert gains["in_branch"] > 2 * gains["delta"]


@pytest.mark.parametrize(("rate", "warned"), [(1e-5, True), (1e-3, False)])
def test_a_rate_that_cannot_reach_its_target_in_the_run_is_warned_of(rate, warned, tmp_path):
    """Rule 4.7."""
    preset = f"dna_eq1(k = 2, balance = skip_target(skip, 25%, rate = {rate:.5f}))"
    train = (
        "train a { data = stdlib_text(split = train); valid = stdlib_text(split = valid)\n"
        "  batch = sequences(4); length = steps(1500); lr = 1e-3 }\n"
    )
    spec = SPEC.format(over="nodes", preset=preset).replace("vocabulary = 16", "vocabulary = 256") + train
    checked = check(Source(str(tmp_path / "a.dna"), spec))
    assert not checked.bag.has_errors, [d.message for d in checked.bag]
    assert any("moves a bias by at most" in d.message for d in checked.bag) == warned
