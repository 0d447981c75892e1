"""What routers read beside the stream: their turn, and the module that a token has just left."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

import dnac
from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.lowering.compile import compile_network
from dnac.lowering.network import Network
from lowered import error, gradients, inputs_for, lively, network, require_equal

NET = """dna 1
net carried {{
  input text(context = 8, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = learned)
  pool nodes {{ {members} }}
  {routers}
  {steps}
  head lm = unembed()
}}
"""
BLOCKS = "block[3] = transformer(heads = 2); skip[2] = identity()"
HUB = "router hub { read = [h, step, last]; score = mlp(6); choose = top(2); weight = raw; balance = [aux(0.1)] }"
NODE = "router hub { score = linear(per = last); choose = top(1); weight = raw; balance = [aux(0.1)] }"
PLAIN = "router plain { choose = top(1); weight = raw; balance = [] }"

OWN = "{ read = [last, h, step(turns = 2)]; choose = top(2); weight = raw; balance = [] }"
BLIND = "{ read = [last]; choose = top(1); weight = raw; balance = [] }"
MORE = "pool more { m[3] = mlp(gelu, 2x); skip = identity() }"
TWO = f"{MORE}\n  {HUB}\n  {NODE.replace('hub', 'node')}"
FULL = HUB.replace("weight = raw", "weight = raw; limit = capacity(0.6)")
TURNS = "repeat 3 { hop: route nodes by hub }"
VIA = "hop: route nodes by hub\n  via: route nodes by plain\n  end: route nodes by hub"

NETS = {
    "one router for all turns": (BLOCKS, HUB, TURNS),
    "a router per node": (BLOCKS, NODE, "repeat 4 { hop: route nodes by hub }"),
    "a step of another router between": (BLOCKS, f"{HUB}\n  {PLAIN}", VIA),
    "a router in every turn": (BLOCKS, "", f"repeat 3 {{ hop: route nodes by {OWN} }}"),
    "what does not look at the token": (BLOCKS, "", f"repeat 3 {{ hop: route nodes by {BLIND} }}"),
    "two pools in turn": (BLOCKS, TWO, "repeat 3 { hop: route nodes by hub; then: route more by node }"),
    "refused choices": (BLOCKS, FULL, TURNS),
}


def graph_of(net: tuple[str, str, str], tmp_path: Path) -> Graph:
    path = tmp_path / "carried.dna"
    members, routers, steps = net
    path.write_text(NET.format(members=members, routers=routers, steps=steps), encoding="utf-8")
    return dnac.load(path).graph


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_lowerings_agree_in_values_and_gradients(net: tuple[str, str, str], tmp_path: Path) -> None:
    require_equal(graph_of(net, tmp_path))


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_unforced_choices_agree_too(net: tuple[str, str, str], tmp_path: Path) -> None:
    graph = graph_of(net, tmp_path)
    inputs = inputs_for(graph)
    expected, found = (network(graph, name)(inputs, record=True) for name in ("reference", "portable"))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(expected.record, found.record, strict=True))


@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_turns_by_themselves_are_the_whole_program(net: tuple[str, str, str], lowering: str, tmp_path: Path) -> None:
    graph = graph_of(net, tmp_path)
    whole, pieces = (network(graph, lowering) for _ in range(2))
    assert pieces.stepped is not None
    pieces.run = pieces.stepped.program(lambda piece: piece)
    expected, found = (each(inputs_for(graph), record=True) for each in (whole, pieces))
    assert torch.equal(expected.logits, found.logits)
    wanted = gradients(whole, expected)
    assert all(error(g, wanted[name]) < 1e-13 for name, g in gradients(pieces, found).items())


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_a_printed_graph_says_what_goes_along(net: tuple[str, str, str], tmp_path: Path) -> None:
    graph = graph_of(net, tmp_path)
    assert read_graph(print_graph(graph)) == graph


def _left(choices: list[Tensor], gates: list[Tensor], none: int) -> list[Tensor]:
    """For each step, the slot that each token left before it, written out token by token."""
    last = torch.full(choices[0].shape[:2], none)
    found = []
    for ids, gate in zip(choices, gates, strict=True):
        found.append(last.clone())
        for b, t in torch.cartesian_prod(torch.arange(ids.shape[0]), torch.arange(ids.shape[1])).tolist():
            slots = [s for s in ids[b, t].tolist() if s >= 0]
            if slots:
                last[b, t] = max(slots, key=lambda slot: float(gate[b, t, slot].detach()))
    return found


STILL = ("a = identity(); b = identity(); c = identity(); d = identity()", "", "")


@pytest.mark.parametrize("k", [1, 2])
def test_scores_are_those_of_the_formula(k: int, tmp_path: Path) -> None:
    router = f"router hub {{ read = [h, step, last]; choose = top({k}); weight = raw; balance = [] }}"
    graph = graph_of((STILL[0], router, "repeat 4 { hop: route nodes by hub }"), tmp_path)
    net = lively(Network(graph, "portable", dtype=torch.float64), 40.0)
    inputs = inputs_for(graph)
    generator = torch.Generator().manual_seed(2)
    forced = [torch.randint(-1, 4, (2, 8, k), generator=generator) for _ in range(4)]
    for routes in (None, tuple(forced)):
        record = net(inputs, record=True, routes=routes).record
        h = net.get_parameter("embed.table")[inputs] + net.get_parameter("embed.positions")
        weight = net.get_parameter("hub.weight")
        assert weight.shape == (16 + 4 + 5, 4)
        before = _left([step.ids for step in record], [step.gates for step in record], 4)
        for s, step in enumerate(record):
            scores = h @ weight[:16] + weight[16 + s] + weight[20:][before[s]]
            assert error(step.gates, scores.softmax(-1)) < 1e-12


def test_each_node_has_a_matrix_of_its_own_and_one_for_the_start(tmp_path: Path) -> None:
    router = "router hub { score = linear(per = last); choose = top(1); weight = raw; balance = [] }"
    graph = graph_of((STILL[0], router, "repeat 3 { hop: route nodes by hub }"), tmp_path)
    net = lively(Network(graph, "portable", dtype=torch.float64), 40.0)
    inputs = inputs_for(graph)
    record = net(inputs, record=True).record
    h = net.get_parameter("embed.table")[inputs] + net.get_parameter("embed.positions")
    weight = net.get_parameter("hub.weight")
    assert weight.shape == (5, 16, 4)
    before = _left([step.ids for step in record], [step.gates for step in record], 4)
    assert (before[0] == 4).all() and (before[1] == record[0].ids[..., 0]).all()
    for s, step in enumerate(record):
        scores = torch.einsum("btd,btdm->btm", h, weight[before[s]])
        assert error(step.gates, scores.softmax(-1)) < 1e-12


def test_jitter_moves_the_stream_and_no_one_hot(tmp_path: Path) -> None:
    router = "router hub { read = [last]; noise = jitter(50%); choose = top(1); weight = raw; balance = [] }"
    graph = graph_of((STILL[0], router, "repeat 2 { hop: route nodes by hub }"), tmp_path)
    net = network(graph).train()
    plain, noisy = (net(inputs_for(graph), record=True, seeds=torch.tensor([1, step])).record for step in (1, 2))
    assert all(torch.equal(a.gates, b.gates) for a, b in zip(plain, noisy, strict=True))


def test_later_tokens_change_nothing_before_them(tmp_path: Path) -> None:
    graph = graph_of(NETS["a router per node"], tmp_path)
    net = network(graph)
    inputs = inputs_for(graph)
    changed = inputs.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 32
    before, after = (net(each).logits for each in (inputs, changed))
    assert error(after[:, :5], before[:, :5]) < 1e-12 < 1e-3 < error(after[:, 5:], before[:, 5:])


ALL = "block[2] = transformer(heads = 2); c[2] = conv(3); l = linear_attention(heads = 2); skip[2] = identity()"


@pytest.mark.compiles
def test_all_turns_share_one_traced_program_and_hand_on_what_goes_along(tmp_path: Path) -> None:
    torch._dynamo.reset()
    graph = graph_of((ALL, HUB, "repeat 4 { hop: route nodes by hub }"), tmp_path)
    eager, traced = (network(graph) for _ in range(2))
    assert traced.stepped is not None
    counter = CompileCounterWithBackend("aot_eager")
    traced.run = traced.stepped.program(
        lambda piece: torch.compile(piece, backend=counter, fullgraph=True, dynamic=False)
    )
    for seed in range(2):
        inputs = inputs_for(graph, seed=seed)
        found, expected = (net(inputs, record=True) for net in (traced, eager))
        assert error(found.logits, expected.logits) < 1e-11
        assert all(torch.equal(f.ids, e.ids) for f, e in zip(found.record, expected.record, strict=True))
        wanted = gradients(eager, expected)
        assert all(error(g, wanted[name]) < 1e-9 for name, g in gradients(traced, found).items())
    assert counter.frame_count == 3


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.timeout(900)
def test_generated_code_gives_the_eager_values_and_gradients(tmp_path: Path) -> None:
    torch._dynamo.reset()
    graph = graph_of((ALL, NODE, "repeat 3 { hop: route nodes by hub }"), tmp_path)
    eager, compiled = network(graph), compile_network(network(graph))
    inputs = inputs_for(graph)
    found, expected = (net(inputs, record=True) for net in (compiled, eager))
    assert error(found.logits, expected.logits) < 1e-11
    wanted = gradients(eager, expected)
    assert all(error(g, wanted[name]) < 1e-9 for name, g in gradients(compiled, found).items())
