"""Balance losses: per router, summed over routers, turns of a shared router pooled; knobs as tensors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dnac.ir.form import Form, form
from dnac.lowering.base import Output
from dnac.lowering.knobs import knobs, starts
from lowered import MLP, error, inputs_for, network, routed

LOWERINGS = ["reference", "portable"]
FOUR = [("m", 4, MLP)]
TOP2 = form("top", k=2)


def by_hand(output: Output, per_router: list[list[int]]) -> Tensor:
    """0.1 M sum_i f_i P_i for each router over its routing steps."""
    total = torch.zeros((), dtype=torch.float64)
    for steps in per_router:
        gates = torch.cat([output.record[s].gates.flatten(0, 1) for s in steps])
        ids = torch.cat([output.record[s].ids.flatten() for s in steps])
        f = torch.bincount(ids, minlength=4).double() / ids.numel()
        total = total + 0.1 * 4 * (f * gates.mean(0)).sum()
    return total


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize(("shared", "routers"), [(False, [[0], [1], [2]]), (True, [[0, 1, 2]])])
def test_aux_is_per_router_and_summed(shared: bool, routers: list[list[int]], lowering: str) -> None:
    graph = routed(FOUR, steps=3, shared_router=shared, choose=TOP2, balance=(form("aux", weight=0.1, per="batch"),))
    output = network(graph, lowering)(inputs_for(graph), record=True)
    assert error(output.router_loss, by_hand(output, routers)) < 1e-12


def test_without_terms_the_loss_is_zero() -> None:
    graph = routed(FOUR)
    assert float(network(graph)(inputs_for(graph)).router_loss) == 0.0


def scheduled(start: float) -> Form:
    return form("schedule", start=start, pieces=())


def terms(*weights: object) -> dict[str, object]:
    return {"balance": tuple(form("z", weight=w) for w in weights)}


def test_knobs_are_the_scheduled_numbers_of_losses_in_order() -> None:
    aux = form("aux", weight=scheduled(0.3), per="batch")
    graph = routed(FOUR, steps=2, balance=(form("load_bias", rate=scheduled(0.1)), form("z", weight=0.1), aux))
    assert [(router, path) for router, path, _ in knobs(graph)] == [
        ("hop[0]", "balance[2].weight"),
        ("hop[1]", "balance[2].weight"),
    ]
    assert starts(graph).tolist() == [0.3, 0.3]


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_knob_is_the_number_it_stands_for(lowering: str) -> None:
    inputs = inputs_for(routed(FOUR))
    turned = network(routed(FOUR, **terms(0.5, scheduled(9.0))), lowering)
    pairs = ([0.2, 0.2], [0.7, 0.7], [0.2, 0.7])
    low, high, mixed = (turned(inputs, knobs=torch.tensor(v, dtype=torch.float64)).router_loss for v in pairs)
    expected = network(routed(FOUR, **terms(0.5, 0.2)), lowering)(inputs)
    assert error(low, expected.router_loss) < 1e-12
    assert error(mixed, low) > 0.1 and error(mixed, high) > 0.1


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_without_values_knobs_stand_at_their_start(lowering: str) -> None:
    inputs = inputs_for(routed(FOUR))
    plain, turned = (network(routed(FOUR, **terms(w)), lowering)(inputs) for w in (0.5, scheduled(0.5)))
    assert error(turned.router_loss, plain.router_loss) < 1e-12
