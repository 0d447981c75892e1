"""Routed networks that must equal plain ones exactly: sequential, identity, dense mixture, one step by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, ModuleSet
from dnac.lowering.network import Network
from lowered import ATTENTION, BATCH, BLOCK, SKIP, TOKENS, error, gradients, inputs_for, network, routed

LOWERINGS = ["reference", "portable"]
ONE = {"weight": form("one"), "grad": form("none")}
TOP2 = form("top", k=2)


def plain_head(graph: Graph) -> Graph:
    """Logits linear in the stream, so that increments can be read off them."""
    bare = lambda s: replace(s, kind=s.kind.replace(norm=form("none"))) if s.role == "head" else s
    return replace(graph, shared=tuple(map(bare, graph.shared)))


def sequential(graph: Graph, members: list[Member]) -> Graph:
    """The same weights, each module applied to every token."""
    nodes = [Embed("h0", "embed")]
    nodes += [Apply(f"h{i + 1}", f"h{i}", f"h{i}", m, site=f"s{i}") for i, m in enumerate(members)]
    return replace(graph, nodes=(*nodes, Head("logits", nodes[-1].id, "lm")), routers=())


def to(slots: list[int], per_step: bool = True) -> tuple[Tensor, ...]:
    """One module per step for all tokens."""
    return tuple(torch.full((BATCH, TOKENS, 1), slot) for slot in slots)


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("sees", ["peers", "module", "everyone"])
def test_one_module_per_step_with_weight_one_is_the_sequential_model(sees: str, lowering: str) -> None:
    graph = routed([BLOCK, SKIP], steps=3, sees=form(sees), **ONE)
    order = [2, 0, 1]
    dense = sequential(graph, [Member("pool.block", i) for i in order])
    net, plain = network(graph, lowering), network(dense, lowering)
    inputs = inputs_for(graph)
    found, expected = net(inputs, routes=to(order)), plain(inputs)
    assert error(found.logits, expected.logits) < 1e-12
    wanted = gradients(plain, expected)
    assert all(error(g, wanted[n]) < 1e-10 for n, g in gradients(net, found).items() if n in wanted)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_identity_everywhere_is_the_identity_map(lowering: str) -> None:
    graph = routed([BLOCK, ("skip", 2, ())], steps=3, choose=TOP2)
    skips = tuple(torch.tensor([3, 4]).expand(BATCH, TOKENS, -1) for _ in range(3))
    found = network(graph, lowering)(inputs_for(graph), routes=skips).logits
    assert torch.equal(found, network(sequential(graph, []), lowering)(inputs_for(graph)).logits)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_all_candidates_are_the_dense_mixture(lowering: str) -> None:
    """h + sum_i w_i (M_i(h) - h), each M_i run alone on every token."""
    graph = plain_head(routed([BLOCK, SKIP], steps=1, choose=form("all")))
    inputs = inputs_for(graph)
    output = network(graph, lowering)(inputs, record=True)
    gates = output.record[0].gates
    base = network(sequential(graph, []), lowering)(inputs).logits
    expected = base.clone()
    for i in range(3):
        alone = network(sequential(graph, [Member("pool.block", i)]), lowering)(inputs).logits
        expected = expected + gates[..., i : i + 1] * (alone - base)
    assert error(output.logits, expected) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_module_is_its_parts_one_after_the_other(lowering: str) -> None:
    """x' = x + attention(x); x'' = x' + mlp(x')."""
    graph = routed([BLOCK, SKIP], steps=1)
    block = network(sequential(graph, [Member("pool.block", 1)]), lowering)
    sets = tuple(ModuleSet(part.name, None, (part,)) for part in graphs.transformer())
    apart = network(replace(sequential(graph, [Member(s.name) for s in sets]), modules=sets), lowering)
    state = block.state_dict()
    mine = {name: state.get(f"pool.block.{name.split('.', 1)[1]}") for name in apart.state_dict()}
    apart.load_state_dict({name: state[name] if w is None else w[1] for name, w in mine.items()})
    inputs = inputs_for(graph)
    assert error(block(inputs).logits, apart(inputs).logits) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_in_branch_is_the_authors_formula(lowering: str) -> None:
    """h + (1/k) sum_i Attn_i(h) + sum_i w_i MLP_i(h + Attn_i(h)) (`in_branch`)."""
    graph = plain_head(routed([BLOCK, SKIP], steps=1, choose=TOP2, combine=form("in_branch")))
    net, inputs = network(graph, lowering), inputs_for(graph)
    both = (torch.tensor([2, 0]).expand(BATCH, TOKENS, -1),)
    output = net(inputs, routes=both, record=True)
    base = network(sequential(graph, []), lowering)(inputs).logits
    expected = base.clone()
    for i in (2, 0):
        block = network(sequential(graph, [Member("pool.block", i)]), lowering)(inputs).logits
        attention = _attention_alone(net, graph, i, lowering, inputs)
        weight = output.record[0].gates[..., i : i + 1]
        expected = expected + (attention - base) / 2 + weight * (block - attention)
    assert error(output.logits, expected) < 1e-12


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_token_mixes_among_peers_alone(lowering: str) -> None:
    """Two halves of a batch of sequences, routed apart, are two short sequences."""
    graph = plain_head(routed([("a", 2, ATTENTION)], steps=1, positions=form("none"), **ONE))
    net, inputs = network(graph, lowering), inputs_for(graph)
    even = torch.arange(TOKENS) % 2 == 0
    ids = torch.where(even, 0, 1)[None, :, None].expand(BATCH, -1, -1)
    whole = net(inputs, routes=(ids,)).logits
    for i, mine in enumerate((even, ~even)):
        short = inputs[:, mine]
        alone = net(short, routes=(torch.full((*short.shape, 1), i),)).logits
        assert error(whole[:, mine], alone) < 1e-12


def _attention_alone(net: Network, graph: Graph, index: int, lowering: str, inputs: Tensor) -> Tensor:
    """Logits after only the attention part of one block."""
    part = graphs.transformer()[:1]
    alone = replace(sequential(graph, [Member("only")]), modules=(ModuleSet("only", None, part),))
    plain = network(alone, lowering)
    state = net.state_dict()
    mine = {name: state[name.replace("only.", "pool.block.")][index] for name in plain.state_dict() if "only." in name}
    plain.load_state_dict({name: mine.get(name, state.get(name)) for name in plain.state_dict()})
    return plain(inputs).logits
