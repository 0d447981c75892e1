"""`exit(loop, after = n)`: a token decides once, in front of a loop, how many of its turns it takes."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from dnac.bench.flops import Counter
from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.lowering import suits
from dnac.lowering.network import Network
from dnac.schedule.build import build_schedule
from dnac.schedule.cost import Costs
from dnac.schedule.paths import distinct_paths, paths
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train import balance
from dnac.train.active import ActiveFlops
from lowered import FAST, INTERPRETED, error, gradients

TEXT = """dna 1
net deciding {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  module body = BODY
  pool depth { stop[3] = exit(loop, after = place) }
  turns: route depth by { choose = top(1); weight = raw; balance = [aux(0.1)] }
  repeat 3 { body }
  head lm = unembed(tied = true)
  assert causal
  assert row_independent
}
"""
ATTENTION, MLP = TEXT.replace("BODY", "transformer(heads = 2)"), TEXT.replace("BODY", "mlp(gelu, 2x)")
WITHOUT = ATTENTION.replace(
    "stop[3] = exit(loop, after = place)", "no = exit(loop, after = 0); two = exit(loop, after = 2)"
)
ROUTED = ATTENTION.replace("repeat 3 { body }", """repeat 3 {
    pool go { a = body; b = mlp(gelu, 2x); stay = identity(); out = exit(loop) }
    route go by { choose = top(2); weight = raw; balance = [] }
  }""")  # fmt: skip
BESIDE = ATTENTION.replace("repeat 3 { body }", "repeat 2 { transformer(heads = 2); EXIT repeat 3 { body } }").replace(
    "  turns: route depth by { choose = top(1); weight = raw; balance = [aux(0.1)] }\n", ""
).replace("EXIT", "route depth by { choose = top(1); weight = raw; balance = [] };")  # fmt: skip
DTYPE = torch.float32 if INTERPRETED else torch.float64
CLOSE = 2e-4 if INTERPRETED else 1e-10


def graph_of(text: str) -> Graph:
    checked = check(Source("t.dna", text))
    assert not checked.bag.has_errors, checked.bag
    return checked.nets[0].graph


def network(text: str, lowering: str = FAST, **more: object) -> Network:
    net = Network(graph_of(text), lowering, dtype=DTYPE, seed=3, **more)  # type: ignore[arg-type]
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4 if p.dim() > 1 else 1)
    return net


def inputs() -> torch.Tensor:
    return torch.arange(16).reshape(2, 8) * 7 % 11


def chosen(*slots: int) -> torch.Tensor:
    """[2, 8, 1]: these choices, over and over."""
    return torch.tensor(slots).repeat(16)[:16].reshape(2, 8, 1)


@pytest.mark.parametrize("text", [
    ATTENTION, MLP, WITHOUT, ROUTED, BESIDE, ATTENTION.replace("raw", "one; grad = ste"),
    ATTENTION.replace("aux(0.1)", "load_bias(rate = 1e-3)"), ATTENTION.replace("top(1)", "top(1); sees = copied"),
])  # fmt: skip
def test_the_lowerings_agree(text: str) -> None:
    reference, fast = network(text, "reference"), network(text)
    expected = reference(inputs(), record=True)
    found = fast(inputs(), record=True, routes=[step.wanted for step in expected.record])
    assert error(found.logits, expected.logits) < CLOSE
    assert error(found.router_loss, expected.router_loss) < CLOSE
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name], 1e-5) < 100 * CLOSE for name, g in gradients(fast, found).items())


@pytest.mark.parametrize("lowering", ["reference", FAST])
def test_the_turns_together_count_as_one_module(lowering: str) -> None:
    """h + g (f applied n times - h), with the gate of the chosen n; by hand, for an mlp."""
    net = network(MLP, lowering)
    found = net(inputs(), record=True, routes=[chosen(0, 1, 2)])
    state = net.state_dict()
    x = state["embed.table"][inputs()] + state["embed.positions"]
    gate = torch.softmax(x @ state["turns.weight"], -1)
    streams, h = [], x
    for _ in range(3):
        up = torch.nn.functional.layer_norm(h, (16,)) * state["body.mlp.norm"] @ state["body.mlp.up"]
        h = h + torch.nn.functional.gelu(up, approximate="tanh") @ state["body.mlp.down"]
        streams.append(h)
    turns = chosen(0, 1, 2)
    own = torch.stack(streams, 2).gather(2, turns[..., None].expand(2, 8, 1, 16))[:, :, 0]
    y = x + gate.gather(-1, turns) * (own - x)
    assert error(found.logits, y @ state["embed.table"].T) < CLOSE


@pytest.mark.parametrize("lowering", ["reference", FAST])
def test_a_token_that_has_taken_its_turns_gives_no_keys_to_later_ones(lowering: str) -> None:
    """One turn each: the others see each other and nothing of it at the second turn."""
    net = network(ATTENTION, lowering)
    routes = chosen(2)
    routes[:, 3] = 0
    other = inputs()
    other[:, 3] = (other[:, 3] + 3) % 11
    alone = [routes.clone(), chosen(2)]
    found = [net(x, routes=[r]).logits for r in alone for x in (inputs(), other)]
    assert not torch.equal(found[0][:, 4:], found[1][:, 4:])  # the first turn sees it
    # whatever it would have been at later turns makes no difference: those turns do not hold it
    assert error(found[0][:, :3], found[2][:, :3]) < CLOSE
    assert error(found[0][:, 4:], found[2][:, 4:]) > 1e-6


@pytest.mark.parametrize("lowering", ["reference", FAST])
def test_a_text_and_its_beginning_give_the_same(lowering: str) -> None:
    net = network(ATTENTION, lowering)
    assert error(net(inputs()[:, :5]).logits, net(inputs()).logits[:, :5]) < CLOSE
    assert error(net(inputs()[:1]).logits, net(inputs()).logits[:1]) < CLOSE


def test_the_gate_reaches_the_router() -> None:
    net = network(ATTENTION.replace("aux(0.1)", ""))
    made = gradients(net, net(inputs()))["turns.weight"]
    assert (made != 0).any(0).all()


def test_a_bias_shifts_the_choice_alone() -> None:
    net = network(MLP.replace("aux(0.1)", "load_bias(rate = 1e-3)"))
    before = net(inputs(), record=True)
    counts = balance.Counts()
    counts.add(before.stats)
    balance.update(net, net.graph, counts.steps, float)
    taken = before.stats[0].counts[:3]
    bias = net.get_buffer("turns.bias")
    assert bias[taken.argmax()] < 0 < bias[taken.argmin()]
    net.get_buffer("turns.bias").copy_(torch.tensor([0.0, 9.0, 0.0]))
    after = net(inputs(), record=True).record[0]
    assert (after.ids == 1).all() and torch.equal(after.gates, before.record[0].gates)


def test_a_plan_expects_each_number_of_turns_alike() -> None:
    graph = graph_of(MLP)
    costs = Costs(graph)
    body = costs.module_flops("body")
    spent = [costs.node_flops(n) for n in graph.nodes if getattr(n, "site", "").startswith("body")]
    assert [round(s.expected / body, 9) for s in spent] == [1.0, round(2 / 3, 9), round(1 / 3, 9)]
    assert [s.min / body for s in spent] == [1, 0, 0]
    assert [s.max / body for s in spent] == [1, 1, 1]


def test_flops_of_a_run_follow_the_turns_taken() -> None:
    graph = graph_of(MLP)
    counter, body = Counter(graph, 2, 8), Costs(graph).module_flops("body")
    all_, one, half = (counter.forward([r]) for r in (chosen(2), chosen(0), chosen(0, 1)))
    assert all_ - one == 16 * 2 * body
    assert half - one == 8 * body
    counts = torch.tensor([8, 8, 0, 0])
    active = ActiveFlops(graph)
    assert active.per_token([counts]) - active.per_token([torch.tensor([16, 0, 0, 0])]) == pytest.approx(body / 2)


def test_paths_are_those_that_one_can_walk() -> None:
    assert paths(graph_of(ATTENTION)) == distinct_paths(graph_of(ATTENTION)) == 3
    inside = ATTENTION.replace("repeat 3 { body }", """repeat 3 {
    pool go { a = body; b = mlp(gelu, 2x); c = mlp(gelu, 1x) }
    route go by { choose = top(1); weight = raw; balance = [] }
  }""")  # fmt: skip
    assert paths(graph_of(inside)) == 3 + 3**2 + 3**3


def test_passes_keep_the_meaning_and_a_written_graph_reads_back() -> None:
    for text in (ATTENTION, WITHOUT, ROUTED):
        graph = graph_of(text)
        assert read_graph(print_graph(graph)).nodes == graph.nodes
        expected = network(text, "reference")(inputs())
        for level in ("O0", "O2"):
            assert error(network(text, "reference", level=level)(inputs()).logits, expected.logits) < CLOSE


def test_a_fixed_number_of_turns_is_a_shorter_loop() -> None:
    fixed = network(
        MLP.replace("top(1)", "fixed(1)").replace("raw", "one; frozen = true").replace("aux(0.1)", ""), "portable"
    )
    plain = network(
        MLP.replace("  pool depth { stop[3] = exit(loop, after = place) }\n", "")
        .replace("  turns: route depth by { choose = top(1); weight = raw; balance = [aux(0.1)] }\n", "")
        .replace("repeat 3", "repeat 2"), "portable",
    )  # fmt: skip
    state = {name: weight for name, weight in fixed.state_dict().items() if not name.startswith("turns")}
    plain.load_state_dict(state)
    assert error(fixed(inputs()).logits, plain(inputs()).logits) < CLOSE


def test_an_empty_choice_leaves_the_stream_as_it_is() -> None:
    net = network(MLP)
    empty = net(inputs(), routes=[chosen(-1)]).logits
    state = net.state_dict()
    x = state["embed.table"][inputs()] + state["embed.positions"]
    assert error(empty, x @ state["embed.table"].T) < CLOSE


@pytest.mark.skipif(INTERPRETED, reason="the interpreter's kernels are not compiled")
@pytest.mark.compiles
def test_the_choice_and_its_loop_are_one_graph() -> None:
    net = network(ATTENTION, "portable").train()
    expected = net(inputs())
    counter = CompileCounterWithBackend("aot_eager")
    net.run = torch.compile(net.run, backend=counter, fullgraph=True, dynamic=False)
    assert error(net(inputs()).logits, expected.logits) < 1e-4
    for routes in (chosen(0), chosen(1, 2)):
        net(inputs(), routes=[routes])
    assert counter.frame_count <= 2  # by its own choice, and by choices that are given


def test_a_member_of_one_way_out_is_its_first_place() -> None:
    graph = graph_of(
        ATTENTION.replace(
            "stop[3] = exit(loop, after = place)", "first = exit(loop, after = place); whole = exit(loop, after = 3)"
        )
    )
    leaves = [n for n in graph.nodes if n.id.endswith("left1")]
    assert [n.leaves for n in leaves] == [((0, 2),)]  # type: ignore[union-attr]


def test_the_grouped_lowering_says_what_it_runs_as_the_portable_one_does() -> None:
    schedule = build_schedule(graph_of(ATTENTION))
    said = list(suits._among_those_here(schedule.instructions))
    assert len(said) == 3 and all("`body` runs as `portable` does it" in line and "t.dna:" in line for line in said)
