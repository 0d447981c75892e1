"""What attention sees, key by key (`docs/numerics.md`, "What attention sees").

One head with zero queries and keys takes the plain mean of what it sees, and its values are the
stream itself. So a step is `h_i + mean of h_j over the visible keys`, with the sets written here by
hand as {query token: [(key token, routing step), ...]}.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part
from lowered import SKIP, WIDTH, error, inputs_for, network, routed

LOWERINGS = ["reference", "portable"]
T = 5
# modules 0 and 1, identity 2
ROUTES = ([0, 1, 0, 2, 0], [0, 0, 1, 1, 0])

Sets = tuple[dict[int, list[tuple[int, int]]], ...]

PEERS: Sets = (
    {0: [(0, 0)], 1: [(1, 0)], 2: [(0, 0), (2, 0)], 4: [(0, 0), (2, 0), (4, 0)]},
    {0: [(0, 1)], 1: [(0, 1), (1, 1)], 2: [(2, 1)], 3: [(2, 1), (3, 1)], 4: [(0, 1), (1, 1), (4, 1)]},
)
MODULE: Sets = (
    PEERS[0],
    {
        0: [(0, 0), (0, 1)],
        1: [(0, 0), (0, 1), (1, 1)],
        2: [(1, 0), (2, 1)],
        3: [(1, 0), (2, 1), (3, 1)],
        4: [(0, 0), (2, 0), (4, 0), (0, 1), (1, 1), (4, 1)],
    },
)
# step 1 looks at what its module made at step 0, of its own step at nothing
FIRST: Sets = (
    PEERS[0],
    {0: [(0, 0)], 1: [(0, 0)], 2: [(1, 0)], 3: [(1, 0)], 4: [(0, 0), (2, 0), (4, 0)]},
)
EVERYONE: Sets = (
    {i: [(j, 0) for j in range(i + 1)] for i in (0, 1, 2, 4)},
    {i: [(j, 1) for j in range(i + 1)] for i in range(5)},
)
# every pair (token, step) that attended so far, whichever module made its keys; token 3 skipped the first step
HISTORY: Sets = (
    {i: [(j, 0) for j in (0, 1, 2, 4) if j <= i] for i in (0, 1, 2, 4)},
    {i: [(j, 0) for j in (0, 1, 2, 4) if j <= i] + [(j, 1) for j in range(i + 1)] for i in range(5)},
)
IMAGE: Sets = (
    {0: [(0, 0), (2, 0), (4, 0)], 1: [(1, 0)], 2: [(0, 0), (2, 0), (4, 0)], 4: [(0, 0), (2, 0), (4, 0)]},
    {
        0: [(0, 1), (1, 1), (4, 1)],
        1: [(0, 1), (1, 1), (4, 1)],
        2: [(2, 1), (3, 1)],
        3: [(2, 1), (3, 1)],
        4: [(0, 1), (1, 1), (4, 1)],
    },
)
# less than 3 positions away in the sequence, however few peers stand between
WINDOW: Sets = (
    {0: [(0, 0)], 1: [(1, 0)], 2: [(0, 0), (2, 0)], 4: [(2, 0), (4, 0)]},
    {0: [(0, 1)], 1: [(0, 1), (1, 1)], 2: [(2, 1)], 3: [(2, 1), (3, 1)], 4: [(4, 1)]},
)

CASES = {
    "peers": ({}, "peers", PEERS),
    "module": ({}, "module", MODULE),
    "first": ({}, "first", FIRST),
    "everyone": ({}, "everyone", EVERYONE),
    "history": ({}, "history", HISTORY),
    "peers of an image": ({"causal": False}, "peers", IMAGE),
    "a window counts positions": ({"window": 3}, "peers", WINDOW),
}


def averaging(attention: dict[str, object], sees: str, lowering: str, **more: object):
    """A network whose attention takes the mean of what it sees, and whose logits are the stream."""
    part = graphs.attention(norm=form("none"), heads=1, kv_heads=1, **attention)
    groups = [("a", 2, (Part("attention", part),)), SKIP]
    fields = {"weight": form("one"), "grad": form("none"), **more}
    graph = routed(groups, tokens=T, positions=form("none"), sees=form(sees), **fields)
    head = lambda s: replace(s, kind=s.kind.replace(norm=form("none"))) if s.role == "head" else s
    net = network(replace(graph, shared=tuple(map(head, graph.shared))), lowering)
    eye, zero = torch.eye(WIDTH, dtype=torch.float64), torch.zeros(WIDTH, 2 * WIDTH, dtype=torch.float64)
    with torch.no_grad():
        net.get_parameter("pool.a.attention.qkv").copy_(torch.cat((zero, eye), dim=1))
        net.get_parameter("pool.a.attention.out").copy_(eye)
        net.get_parameter("lm.weight").copy_(torch.cat((eye, eye), dim=1))
    return net


def by_hand(x: Tensor, sets: Sets) -> Tensor:
    """[T, D] through all steps; keys of a step are the stream as that step found it."""
    streams = []
    for step in sets:
        streams.append(x)
        x = x.clone()
        for i, keys in step.items():
            x[i] += torch.stack([streams[s][j] for j, s in keys]).mean(0)
    return x


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("case", CASES)
def test_exactly_these_keys_are_seen(case: str, lowering: str) -> None:
    attention, sees, sets = CASES[case]
    net = averaging(attention, sees, lowering)
    inputs = inputs_for(net.graph)
    routes = tuple(torch.tensor(step)[None, :, None].expand(2, -1, -1) for step in ROUTES)
    found = net(inputs, routes=routes).logits[..., :WIDTH]
    for row, tokens in enumerate(inputs):
        assert error(found[row], by_hand(net.get_parameter("embed.table")[tokens].detach(), sets)) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_who_sees_no_key_of_the_first_step_gets_nothing(lowering: str) -> None:
    """Tokens 0 and 1 come to module 1 before token 2, who alone was there the first time; nobody was in module 0."""
    net = averaging({}, "first", lowering)
    inputs = inputs_for(net.graph)
    routes = tuple(torch.tensor(s)[None, :, None].expand(2, -1, -1) for s in ([2, 2, 1, 2, 2], [1, 1, 0, 0, 1]))
    found = net(inputs, routes=routes).logits[..., :WIDTH]
    x = net.get_parameter("embed.table")[inputs[0]].detach()
    expected = x.clone()
    expected[2] += x[2]
    expected[4] += x[2]
    assert error(found[0], expected) < 1e-12
    assert torch.isfinite(torch.autograd.grad(found.sum(), net.get_parameter("pool.a.attention.qkv"))[0]).all()


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_peer_is_whoever_chose_the_module_in_any_slot(lowering: str) -> None:
    net = averaging({}, "peers", lowering, choose=form("top", k=2))
    inputs = inputs_for(net.graph)
    slots = torch.tensor([[0, 2], [2, 0], [1, 2], [1, 0], [2, -1]])
    routes = (slots.expand(2, -1, -1), torch.full((2, T, 2), -1))
    found = net(inputs, routes=routes).logits[..., :WIDTH]
    x = net.get_parameter("embed.table")[inputs[0]].detach()
    expected = x.clone()
    expected[0] += x[0]
    expected[1] += x[:2].mean(0)
    expected[2] += x[2]
    expected[3] += x[2:4].mean(0) + x[[0, 1, 3]].mean(0)
    assert error(found[0], expected) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_rope_turns_by_the_position_in_the_sequence(lowering: str) -> None:
    """Peers at positions 1 and 4 are three apart, wherever they stand among the routed rows."""
    part = graphs.attention(norm=form("none"), positions=form("rope", base=100.0))
    graph = routed(
        [("a", 1, (Part("attention", part),)), SKIP],
        steps=1,
        tokens=6,
        positions=form("none"),
        weight=form("one"),
        grad=form("none"),
    )
    net = network(graph, lowering)
    inputs = inputs_for(graph, batch=1)

    def run(places: tuple[int, ...]) -> Tensor:
        tokens = inputs.clone()
        tokens[0, list(places)] = torch.tensor([3, 9])
        ids = torch.ones(1, 6, 1, dtype=torch.int64)
        ids[0, list(places)] = 0
        return net(tokens, routes=(ids,)).logits[0, places[1]]

    assert error(run((1, 4)), run((2, 5))) < 1e-12
    assert error(run((1, 4)), run((3, 4))) > 1e-3
