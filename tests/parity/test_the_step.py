"""The routing step: its order, selection, ties, weights, empty slots, NaN (`docs/numerics.md`, "The step")."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graphs
from dnac.ir.form import form
from dnac.lowering.base import Output, StepRecord
from lowered import BATCH, BLOCK, MLP, SKIP, TOKENS, error, inputs_for, network, routed

LOWERINGS = ["reference", "portable"]
TOP2 = form("top", k=2)
FOUR = [("m", 4, MLP)]
INF = float("inf")


def constant(*values: float) -> dict[str, object]:
    return {"score": form("constant", values=values)}


def first(output: Output) -> StepRecord:
    return output.record[0]


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_the_bias_changes_the_choice_and_not_the_weight(lowering: str) -> None:
    graph = routed(FOUR, steps=1, balance=(form("load_bias", rate=0.1),))
    net = network(graph, lowering)
    net.get_buffer("hop.0.bias")[2] = 5.0
    plain = network(routed(FOUR, steps=1), lowering)
    found, unbiased = (first(n(inputs_for(graph), record=True)) for n in (net, plain))
    assert (found.ids == 2).all()
    assert torch.equal(found.gates, unbiased.gates)
    assert torch.equal(found.weights, unbiased.gates[..., 2:3])


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_the_bias_gets_no_gradient(lowering: str) -> None:
    graph = routed(FOUR, steps=1, balance=(form("load_bias", rate=0.1),))
    net = network(graph, lowering)
    bias = net.get_buffer("hop.0.bias").requires_grad_()
    net(inputs_for(graph)).logits.sum().backward()
    assert bias.grad is None


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_selection_is_on_gates_as_written(lowering: str) -> None:
    """softmax([200, 3, 5, 4]) is [1, 0, 0, 0] in float32: a tie, which the lowest index wins."""
    graph = routed(FOUR, steps=1, choose=TOP2, **constant(200.0, 3.0, 5.0, 4.0))
    record = first(network(graph, lowering, torch.float32)(inputs_for(graph), record=True))
    assert (record.ids == torch.tensor([0, 1])).all()


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_ties_go_to_the_lowest_index_identities_included(lowering: str) -> None:
    groups = [("a", 1, MLP), ("skip", 1, ()), ("b", 2, MLP)]
    graph = routed(groups, steps=1, choose=TOP2, **constant(1.0, 2.0, 2.0, 2.0))
    record = first(network(graph, lowering)(inputs_for(graph), record=True))
    assert (record.ids == torch.tensor([1, 2])).all()


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_no_module_is_chosen_twice(lowering: str) -> None:
    graph = routed(FOUR, steps=1, choose=form("top", k=4))
    record = first(network(graph, lowering)(inputs_for(graph), record=True))
    assert (record.ids.sort(-1).values == torch.arange(4)).all()


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_scores_are_divided_by_tau_before_the_gate(lowering: str) -> None:
    graph = routed(FOUR, steps=1, tau=2.0, **constant(1.0, 2.0, 3.0, 4.0))
    record = first(network(graph, lowering)(inputs_for(graph), record=True))
    expected = torch.softmax(torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64), -1)
    assert error(record.gates[0, 0], expected) < 1e-12


WEIGHTS = {
    "raw": ({"weight": form("raw")}, lambda g: g),
    "renormalised": ({"weight": form("renormalised")}, lambda g: g / g.sum()),
    "one": ({"weight": form("one"), "grad": form("none")}, lambda g: torch.ones_like(g)),
    "uniform": ({"weight": form("uniform"), "grad": form("none")}, lambda g: torch.ones_like(g) / 2),
    "scaled": ({"weight": form("raw"), "scale": 2.5}, lambda g: 2.5 * g),
}


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_gates_over_all_candidates(name: str, lowering: str) -> None:
    """The softmax is over all four, the identity included; only then two are chosen."""
    fields, formula = WEIGHTS[name]
    groups = [("m", 3, MLP), SKIP]
    graph = routed(groups, steps=1, choose=TOP2, **fields, **constant(1.0, 0.0, 0.5, 2.0))
    record = first(network(graph, lowering)(inputs_for(graph), record=True))
    gates = torch.softmax(torch.tensor([1.0, 0.0, 0.5, 2.0], dtype=torch.float64), -1)
    assert (record.ids == torch.tensor([3, 0])).all()
    assert error(record.weights[0, 0], formula(gates[[3, 0]])) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_jitter_acts_while_training_only(lowering: str) -> None:
    graph = routed(FOUR, steps=1, noise=form("jitter", share=0.5))
    net, plain = network(graph, lowering), network(routed(FOUR, steps=1), lowering)
    inputs = inputs_for(graph)
    calm = first(plain(inputs, record=True)).gates
    assert not torch.equal(first(net(inputs, record=True)).gates, calm)
    assert torch.equal(first(net.eval()(inputs, record=True)).gates, calm)


# --- empty slots ------------------------------------------------------------------------------


def only(slot: int, steps: int = 1) -> tuple[Tensor, ...]:
    """Masks that leave one candidate."""
    return tuple(torch.full((4,), -INF).index_fill(0, torch.tensor([slot]), 0.0) for _ in range(steps))


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_masked_candidate_is_never_chosen_and_its_slot_stays_empty(lowering: str) -> None:
    graph = routed(FOUR, steps=1, choose=TOP2)
    output = network(graph, lowering)(inputs_for(graph), record=True, route_masks=only(2))
    assert (first(output).ids == torch.tensor([2, -1])).all()
    assert output.stats[0].counts.tolist() == [0, 0, BATCH * TOKENS, 0, BATCH * TOKENS]


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_an_empty_slot_leaves_the_stream_unchanged(lowering: str) -> None:
    graph = routed(FOUR, steps=1, choose=TOP2)
    net, inputs = network(graph, lowering), inputs_for(graph)
    empty = (torch.full((BATCH, TOKENS, 2), -1),)
    one = (torch.tensor([1, -1]).expand(BATCH, TOKENS, -1),)
    none = network(routed(FOUR, steps=0), lowering)(inputs).logits
    single = network(routed(FOUR, steps=1), lowering)(inputs, routes=(one[0][..., :1],)).logits
    assert torch.equal(net(inputs, routes=empty).logits, none)
    assert error(net(inputs, routes=one).logits, single) < 1e-12


# --- NaN --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("bad", [float("nan"), INF, -INF])
def test_a_score_that_is_not_finite_is_never_chosen_and_raises_the_flag(bad: float, lowering: str) -> None:
    graph = routed(FOUR, steps=1, choose=TOP2, **constant(1.0, bad, 3.0, 4.0))
    output = network(graph, lowering)(inputs_for(graph), record=True)
    expected = torch.softmax(torch.tensor([1.0, -INF, 3.0, 4.0], dtype=torch.float64), -1)
    assert (first(output).ids == torch.tensor([3, 2])).all()
    assert error(first(output).gates[0, 0], expected) < 1e-12
    assert not output.stats[0].finite
    assert output.logits.isfinite().all()


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("gate", ["softmax", "sigmoid", "none"])
def test_all_scores_nan_leave_all_slots_empty(gate: str, lowering: str) -> None:
    graph = routed(FOUR, steps=1, gate=form(gate), choose=TOP2)
    net, inputs = network(graph, lowering), inputs_for(graph)
    with torch.no_grad():
        net.get_parameter("hop.0.weight").fill_(float("nan"))
    output = net(inputs, record=True)
    assert (first(output).ids == -1).all()
    assert not output.stats[0].finite
    assert torch.equal(output.logits, network(routed(FOUR, steps=0), lowering)(inputs).logits)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_finite_scores_raise_no_flag(lowering: str) -> None:
    graph = routed(FOUR)
    assert all(step.finite for step in network(graph, lowering)(inputs_for(graph)).stats)


# --- statistics and record --------------------------------------------------------------------


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_statistics_say_what_was_chosen(lowering: str) -> None:
    graph = routed([("m", 3, MLP), SKIP], steps=1, choose=TOP2)
    output = network(graph, lowering)(inputs_for(graph), record=True)
    stats, record = output.stats[0], first(output)
    assert stats.counts.tolist() == [*torch.bincount(record.ids.flatten(), minlength=4).tolist(), 0]
    assert error(stats.probs, record.gates.mean((0, 1))) < 1e-12
    assert error(stats.weight, record.weights.mean()) < 1e-12
    assert error(stats.entropy, -(record.gates * record.gates.log()).sum(-1).mean()) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_record_is_made_when_asked_for_and_routes_reproduce_it(lowering: str) -> None:
    graph = routed([BLOCK, SKIP], choose=TOP2)
    net, inputs = network(graph, lowering), inputs_for(graph)
    recorded = net(inputs, record=True)
    again = net(inputs, routes=[step.ids for step in recorded.record])
    assert again.record == ()
    assert torch.equal(again.logits, recorded.logits)
    assert [tuple(step.ids.shape) for step in recorded.record] == [(BATCH, TOKENS, 2)] * 2


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_every_step_of_a_folded_graph_still_reports(lowering: str) -> None:
    fixed = {"choose": form("fixed", index=1), "weight": form("one"), "grad": form("none")}
    graph = routed(FOUR, steps=3, **fixed)
    for level in ("O0", "O2"):
        output = network(graph, lowering, level=level)(inputs_for(graph), record=True)
        assert [s.counts.tolist() for s in output.stats] == [[0, BATCH * TOKENS, 0, 0, 0]] * 3
        assert all((step.ids == 1).all() and (step.weights == 1).all() for step in output.record)


# --- how strongly a step starts ---------------------------------------------------------------


def test_equation_one_starts_with_the_weight_of_a_uniform_gate() -> None:
    """With N candidates the first weights are about 1 / N: the reason for `std.dna_code`."""
    from dnac.lowering.network import Network

    graph = routed([("m", 31, MLP), SKIP], steps=1)
    stats = Network(graph)(inputs_for(graph)).stats[0]
    assert abs(float(stats.weight) - 1 / 32) < 0.2 / 32


def test_in_branch_starts_attention_at_one_over_k() -> None:
    """Attention's share is 1 / k whatever the gates: with gates of zero it is all that is left."""
    groups = [("x", 2, graphs.transformer())]
    fields = {"choose": TOP2, "gate": form("sigmoid"), "combine": form("in_branch"), **constant(-900.0, -900.0)}
    graph = routed(groups, steps=1, **fields)
    both = (torch.tensor([0, 1]).expand(BATCH, TOKENS, -1),)
    net, inputs = network(graph), inputs_for(graph)
    started = net(inputs, routes=both).logits
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if ".mlp.down" in name:
                parameter.zero_()
    without_mlp = net(inputs, routes=both).logits
    assert error(started, without_mlp) < 1e-12
