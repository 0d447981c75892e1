"""Every lowering against the reference: kinds, router fields, choices per token, types, corners."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part, Route
from dnac.lowering import ops_rows
from lowered import ATTENTION, BATCH, BLOCK, INTERPRETED, MLP, SKIP, TOKENS, inputs_for, network, require_equal, routed

TOP2 = form("top", k=2)
NO_NORM = form("none")
AUX = form("aux", weight=0.1, per="batch")
TWO_SKIPS = ("skip", 2, ())

KINDS = {
    "transformer": [BLOCK, SKIP],
    "attention": [("a", 3, ATTENTION), SKIP],
    "mlp": [("m", 3, MLP), SKIP],
    "two banks": [("a", 2, ATTENTION), ("m", 2, MLP), SKIP],
    "identity between banks": [("a", 2, ATTENTION), SKIP, ("m", 2, MLP)],
    "single modules": [("one", None, ATTENTION), ("m", 2, MLP), ("two", None, ATTENTION), SKIP],
    "attention after mlp": [("x", 3, (Part("m", graphs.mlp()), Part("a", graphs.attention()))), SKIP],
    "two attentions": [("x", 2, (Part("a", graphs.attention()), Part("b", graphs.attention(heads=4, kv_heads=4))))],
    "grouped keys": [("a", 3, (Part("attention", graphs.attention(heads=4, kv_heads=2)),)), SKIP],
    "window": [("a", 3, (Part("attention", graphs.attention(window=3)),)), SKIP],
    "not causal": [("a", 3, (Part("attention", graphs.attention(causal=False)),)), SKIP],
    "not causal, window": [("a", 3, (Part("attention", graphs.attention(causal=False, window=3)),)), SKIP],
    "rope": [("a", 3, (Part("attention", graphs.attention(positions=form("rope", base=100.0))),)), SKIP],
    "bias": [("x", 3, (Part("a", graphs.attention(bias=True)), Part("m", graphs.mlp(bias=True)))), SKIP],
    "swiglu": [("m", 3, (Part("mlp", graphs.mlp(activation=form("swiglu", hidden=24))),)), SKIP],
    "rms": [("x", 3, (Part("a", graphs.attention(norm=form("rms"))), Part("m", graphs.mlp(norm=form("rms")))))],
    "no norm": [("x", 3, (Part("a", graphs.attention(norm=NO_NORM)), Part("m", graphs.mlp(norm=NO_NORM))))],
    "narrow": [("a", 3, (Part("attention", graphs.attention(width=8)),)), SKIP],
}

FIELDS = {
    "renormalised": {"weight": form("renormalised")},
    "uniform, straight through": {"weight": form("uniform"), "grad": form("ste")},
    "one, no gradient": {"weight": form("one"), "grad": form("none")},
    "scale": {"scale": 2.5},
    "tau": {"tau": 0.5},
    "sigmoid": {"gate": form("sigmoid")},
    "no gate": {"gate": form("none")},
    "in branch": {"combine": form("in_branch")},
    "frozen": {"frozen": True},
    "mlp score": {"score": form("mlp", hidden=8, init=form("normal", std=0.02))},
    "constant score": {"score": form("constant", values=None)},
    "hash": {"score": form("hash", seed=3)},
    "aux and z": {"balance": (form("aux", weight=0.1, per="batch"), form("z", weight=0.01))},
    "aux per sequence": {"balance": (form("aux", weight=0.1, per="sequence"),)},
    "module": {"sees": form("module")},
    "everyone": {"sees": form("everyone")},
    "first": {"sees": form("first")},
    "history": {"sees": form("history")},
    "history in branch": {"sees": form("history"), "combine": form("in_branch")},
    "all": {"choose": form("all")},
    "top 4 of 4": {"choose": form("top", k=4)},
    "jitter": {"noise": form("jitter", share=0.1)},
    "everyone in branch": {"sees": form("everyone"), "combine": form("in_branch")},
    "module in branch": {"sees": form("module"), "combine": form("in_branch")},
}


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_runs_alike(kind: str, k: int) -> None:
    require_equal(routed(KINDS[kind], choose=form("top", k=k)))


@pytest.mark.parametrize("sees", ["module", "everyone"])
@pytest.mark.parametrize("kind", ["two banks", "single modules", "attention after mlp", "two attentions", "rope"])
def test_every_kind_sees_alike(kind: str, sees: str) -> None:
    require_equal(routed(KINDS[kind], choose=TOP2, sees=form(sees)))


@pytest.mark.parametrize(
    "kind", ["two banks", "single modules", "attention after mlp", "grouped keys", "window", "rope"]
)
def test_every_kind_sees_history_alike(kind: str) -> None:
    require_equal(routed(KINDS[kind], steps=3, choose=TOP2, sees=form("history")))


def test_first_is_settled_module_by_module() -> None:
    """Module 0 could run at the first step, module 1 at the second one first, and both at the third."""
    graph = routed([("a", 2, ATTENTION), SKIP], steps=3, choose=TOP2, sees=form("first"))
    nodes = list(graph.nodes)
    places = [i for i, node in enumerate(nodes) if isinstance(node, Route)]
    a, b, skip = nodes[places[0]].candidates  # type: ignore[union-attr]
    for place, own in zip(places, ((a, skip, skip), (skip, b, skip), (a, b, skip)), strict=True):
        nodes[place] = replace(nodes[place], candidates=own)  # type: ignore[type-var]
    require_equal(replace(graph, nodes=tuple(nodes)))


def test_banks_of_unlike_modules_share_one_history() -> None:
    block = (Part("m", graphs.mlp()), Part("a", graphs.attention(window=3)))
    require_equal(routed([("a", 2, ATTENTION), ("b", 2, block), SKIP], steps=3, choose=TOP2, sees=form("history")))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("fields", FIELDS)
def test_every_router_field_runs_alike(fields: str, k: int) -> None:
    require_equal(routed([BLOCK, SKIP], **{"choose": form("top", k=k), **FIELDS[fields]}))


@pytest.mark.parametrize("kind", ["transformer", "two banks", "bias"])
def test_float32_agrees_to_float32(kind: str) -> None:
    require_equal(routed(KINDS[kind], choose=TOP2), torch.float32)


def test_a_pool_norm_is_read_by_members_and_router() -> None:
    members = [("ffn", 3, (Part("mlp", graphs.mlp(norm=form("none"))),)), SKIP]
    require_equal(routed(members, norm=form("rms"), read=form("normed"), choose=TOP2))


def test_always_modules_run_beside_the_chosen() -> None:
    require_equal(routed([BLOCK, SKIP], always=[("shared", 2, MLP)], choose=TOP2))


def test_a_shared_router_pools_its_turns() -> None:
    require_equal(routed([BLOCK, SKIP], shared_router=True, choose=TOP2, balance=(AUX,)))


def test_images_run_alike() -> None:
    blocks = ("block", 3, (Part("attention", graphs.attention(causal=False)), Part("mlp", graphs.mlp())))
    require_equal(routed([blocks, SKIP], image=True, tokens=4, choose=TOP2))


@pytest.mark.parametrize("level", ["O0", "O1", "O2"])
@pytest.mark.parametrize("kind", ["transformer", "two banks", "single modules"])
def test_every_pass_level_means_the_same(kind: str, level: str) -> None:
    from lowered import error, gradients

    graph = routed(KINDS[kind], steps=3, choose=TOP2, backbone=graphs.transformer())
    inputs = inputs_for(graph)
    plain, leveled = network(graph, "reference", level="O0"), network(graph, "portable", level=level)
    assert list(plain.state_dict()) == list(leveled.state_dict())
    expected, found = plain(inputs), leveled(inputs)
    assert error(found.logits, expected.logits) < 1e-10
    wanted = gradients(plain, expected)
    assert max(error(g, wanted[name]) for name, g in gradients(leveled, found).items()) < 1e-8


# --- corners ----------------------------------------------------------------------------------


def forced(slots: list[int], steps: int = 2, batch: int = BATCH, tokens: int = TOKENS) -> tuple[torch.Tensor, ...]:
    """Every token takes these slots at every step."""
    return tuple(torch.tensor(slots).expand(batch, tokens, -1) for _ in range(steps))


CORNERS = {
    "all to one": [0],
    "all to the last": [2],
    "all identity": [3],
    "all empty": [-1],
    "two, one empty": [1, -1],
    "two, one identity": [3, 1],
    "all candidates": [2, 0, 3, 1],
}


@pytest.mark.parametrize("sees", ["peers", "module", "first", "everyone", "history"])
@pytest.mark.parametrize("corner", CORNERS)
def test_corners_of_the_choice_run_alike(corner: str, sees: str) -> None:
    slots = CORNERS[corner]
    graph = routed([BLOCK, SKIP], choose=form("top", k=len(slots)), sees=form(sees))
    require_equal(graph, routes=forced(slots))


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, TOKENS), (3, 7), (5, 5)])
def test_odd_shapes_run_alike(shape: tuple[int, int]) -> None:
    graph = routed([BLOCK, ("m", 2, MLP), TWO_SKIPS], choose=TOP2)
    require_equal(graph, inputs=inputs_for(graph, *shape))


def test_non_contiguous_inputs_run_alike() -> None:
    graph = routed([BLOCK, SKIP], choose=TOP2)
    inputs = inputs_for(graph, batch=TOKENS, tokens=2).t()
    assert not inputs.is_contiguous()
    require_equal(graph, inputs=inputs)


def test_one_candidate_alone_runs_alike() -> None:
    require_equal(routed([("only", 1, graphs.transformer())]))


def test_more_modules_than_one_byte_counts_run_alike() -> None:
    tiny = (Part("mlp", graphs.mlp(activation=form("gelu", hidden=2))),)
    require_equal(routed([("m", 300, tiny), SKIP], steps=1, choose=TOP2))


def test_route_masks_and_module_gates_run_alike() -> None:
    graph = routed([BLOCK, SKIP], choose=TOP2)
    masks = tuple(torch.tensor([0.0, float("-inf"), 0.3, 0.0], dtype=torch.float64) for _ in range(2))
    gates = tuple(torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64) for _ in range(2))
    require_equal(graph, route_masks=masks, module_gates=gates, routes=None)


def test_random_routing_runs_alike_unforced() -> None:
    graph = routed([BLOCK, SKIP], score=form("random"), choose=TOP2)
    require_equal(graph, routes=None, seeds=torch.tensor([7, 3]), samples=torch.tensor([10, 4]))


def test_unforced_choices_agree_where_the_margin_is_clear() -> None:
    graph = routed(KINDS["two banks"], steps=3, choose=TOP2)
    inputs = inputs_for(graph, batch=8)
    expected, found = (network(graph, name)(inputs, record=True) for name in ("reference", "portable"))
    for here, there in zip(found.record, expected.record, strict=True):
        best = there.gates.sort(-1, descending=True).values
        clear = (best[..., :2] - best[..., 1:3]).amin(-1) > 1e-9
        assert clear.double().mean() > 0.99
        assert torch.equal(here.ids[clear], there.ids[clear])


def test_keys_of_earlier_steps_that_nobody_sees_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    sdpa = ops_rows.by_sdpa
    monkeypatch.setattr(ops_rows, "by_sdpa", lambda q, k, v, mask: (made.append(k.shape[1]), sdpa(q, k, v, mask))[1])
    graph = routed([("a", 3, ATTENTION), SKIP], steps=5, sees=form("module"))
    modules = [torch.full((BATCH, TOKENS, 1), m) for m in (0, 1, 2, 0, 1)]
    modules[2][:, :2], modules[3][0], modules[4][0] = 3, 3, 2  # skips; and whoever goes to another module
    require_equal(graph, routes=tuple(modules))
    if not INTERPRETED:
        assert made == [TOKENS * n for n in (1, 1, 1, 2, 3)]


def test_dropout_runs_alike() -> None:
    parts = (Part("a", graphs.attention(dropout=0.3)), Part("m", graphs.mlp(dropout=0.3)))
    for sees in ("peers", "everyone"):
        graph = routed([("x", 3, parts), SKIP], choose=TOP2, backbone=parts, sees=form(sees))
        require_equal(graph, seeds=torch.tensor([7, 3]))
