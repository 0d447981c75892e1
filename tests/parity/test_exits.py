"""Tokens that leave: a loop or the net. Whoever left keeps its `h`, takes part in nothing, and costs no work."""

from __future__ import annotations

import itertools

import pytest
import torch

from dnac.bench.flops import Counter
from dnac.ir.graph import Graph
from dnac.lowering import gmm
from dnac.lowering.network import Network
from dnac.schedule.cost import Costs
from dnac.schedule.paths import distinct_paths, paths
from dnac.semantics.check import check
from dnac.text.source import Source
from lowered import error, gradients

LOOP = """dna 1
net leaving {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  transformer(heads = 2)
  repeat 3 {
    pool go {
      body = transformer(heads = 2); short = attention(heads = 2); stay = identity(); out = exit(loop); quit = exit()
    }
    turn: route go by { choose = top(CHOICES); weight = raw; balance = [] }
    after: transformer(heads = 2)
  }
  end: transformer(heads = 2)
  head lm = unembed(tied = true)
}
"""
BODY, SHORT, STAY, OUT, QUIT = range(5)


def graph_of(text: str = LOOP, k: int = 1) -> Graph:
    checked = check(Source("t.dna", text.replace("CHOICES", str(k))))
    assert not checked.bag.has_errors, checked.bag
    return checked.nets[0].graph


def network(lowering: str = "portable", k: int = 1, text: str = LOOP, **more):
    """A network of the text, with weights large enough to matter."""
    net = Network(graph_of(text, k), lowering, dtype="float64", seed=3, **more)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4 if p.dim() > 1 else 1)
    return net


def inputs(rows: int = 2) -> torch.Tensor:
    return torch.arange(rows * 8).reshape(rows, 8) * 7 % 11


def all_stay(k: int = 1) -> list[torch.Tensor]:
    return [torch.tensor([BODY, SHORT][:k]).expand(2, 8, -1).clone() for _ in range(3)]


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_the_lowerings_agree_where_tokens_leave(k: int, training: bool) -> None:
    reference, portable = network("reference", k).train(training), network("portable", k).train(training)
    expected = reference(inputs(), record=True)
    found = portable(inputs(), record=True)
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(expected.record, found.record, strict=True))
    assert int(expected.stats[2].left) > 0
    assert error(found.logits, expected.logits) < 1e-10
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


@pytest.mark.parametrize("level", ["O0", "O1"])
def test_passes_keep_the_meaning_of_leaving(level: str) -> None:
    expected = network("reference", 1)(inputs())
    assert error(network("reference", 1, level=level)(inputs()).logits, expected.logits) < 1e-12


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_a_token_that_left_the_loop_is_passed_by_until_the_loop_ends(lowering: str) -> None:
    """Token 2 leaves at once: what the others do later in the loop reaches it through the last module alone."""
    text = LOOP.replace("  end: transformer(heads = 2)\n", "")
    net, routes = network(lowering, text=text), all_stay()
    routes[0][:, 2] = OUT
    before = net(inputs(), routes=routes)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "go.1" in name or "after" in name:
                p.mul_(1.5)
    after = net(inputs(), routes=routes)
    assert torch.equal(after.logits[:, 2], before.logits[:, 2])
    assert not torch.equal(after.logits[:, 3], before.logits[:, 3])


@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("out, comes_back", [(OUT, True), (QUIT, False)])
def test_behind_the_loop_only_those_are_here_that_left_the_loop(lowering: str, out: int, comes_back: bool) -> None:
    net, routes = network(lowering), all_stay()
    routes[1][:, 2] = out
    before = net(inputs(), routes=routes).logits
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.startswith("end"):
                p.mul_(1.5)
    after = net(inputs(), routes=routes).logits
    assert torch.equal(after[:, 2], before[:, 2]) != comes_back


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_tokens_that_left_give_no_keys(lowering: str) -> None:
    """Token 1 differs in two runs and leaves at once: the later tokens of the loop do not notice."""
    text = LOOP.replace("  end: transformer(heads = 2)\n", "").replace("  transformer(heads = 2)\n  repeat", "  repeat")
    net, routes = network(lowering, text=text), all_stay()
    routes[0][:, 1] = OUT
    other = inputs()
    other[:, 1] = (other[:, 1] + 3) % 11
    a, b = net(inputs(), routes=routes).logits, net(other, routes=routes).logits
    assert torch.equal(a[:, 2:], b[:, 2:])
    assert not torch.equal(a[:, 1], b[:, 1])


def test_tokens_that_left_are_counted_as_left_and_not_as_empty() -> None:
    net, routes = network(), all_stay()
    routes[0][:, 2:5] = OUT
    routes[1][:, 6] = QUIT
    stats = net(inputs(), routes=routes).stats
    assert [int(s.left) for s in stats] == [0, 6, 8]
    assert [int(s.counts[-1]) for s in stats] == [0, 0, 0]
    assert [int(s.counts.sum()) for s in stats] == [16, 10, 8]


def test_memory_that_nobody_wrote_reaches_no_token_that_left(monkeypatch: pytest.MonkeyPatch) -> None:
    net, routes = network(), all_stay()
    routes[0][:, 2:] = OUT
    routes[1][:, :2] = QUIT
    clean = net(inputs(), routes=routes)
    wanted = gradients(net, clean)
    empty = torch.empty

    def nan_empty(*args, **kwargs):
        made = empty(*args, **kwargs)
        return made.fill_(float("nan")) if made.is_floating_point() else made

    monkeypatch.setattr(gmm.torch, "empty", nan_empty)
    found = net(inputs(), routes=routes)
    assert torch.equal(found.logits, clean.logits)
    assert all(torch.equal(g, wanted[name]) for name, g in gradients(net, found).items())


def test_whoever_leaves_loop_and_net_at_once_has_left_the_net() -> None:
    net, routes = network(k=2), all_stay(2)
    routes[0][:, 2] = torch.tensor([QUIT, OUT])
    routes[0][:, 3] = torch.tensor([OUT, QUIT])
    before = net(inputs(), routes=routes).logits
    with torch.no_grad():
        net.get_parameter("end.mlp.down").mul_(2)
    after = net(inputs(), routes=routes).logits
    assert torch.equal(after[:, 2:4], before[:, 2:4])


def test_the_module_chosen_beside_an_exit_still_runs() -> None:
    net, routes = network(k=2), all_stay(2)
    without = [r.clone() for r in routes]
    for r in (routes, without):
        r[0][:, 2] = torch.tensor([QUIT, BODY])
    without[0][:, 2, 1] = -1
    assert not torch.equal(net(inputs(), routes=routes).logits[:, 2], net(inputs(), routes=without).logits[:, 2])


def test_a_plan_counts_no_work_for_tokens_that_left() -> None:
    """Least: everybody leaves the net at the first step; most: nobody ever leaves."""
    graph = graph_of()
    costs = Costs(graph)
    (end,) = (n for n in graph.nodes if getattr(n, "site", "") == "end")
    assert costs.node_flops(end).min == 0
    assert 0 < costs.node_flops(end).expected < costs.node_flops(end).max
    assert costs.node_flops(end).max == costs.module_flops("end")


def test_flops_of_a_run_follow_who_left() -> None:
    """All leave the net at once: no module of the loop or behind it is counted."""
    graph, routes = graph_of(), all_stay()
    counter = Counter(graph, 2, 8)
    none, some, many = (counter.forward(r) for r in (routes, [routes[0], _quits(1), routes[2]], [_quits(8)] * 3))
    costs = Costs(graph)
    fixed = 2 * 8 * (costs.embed_flops("embed") + costs.head_flops("lm") + costs.module_flops("transformer"))
    assert many == fixed + 2 * 8 * 3 * (2 * 16 * 5)
    assert many < some < none


def _quits(tokens: int) -> torch.Tensor:
    ids = all_stay()[0]
    ids[:, :tokens] = QUIT
    return ids


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("alike", [False, True])
def test_paths_are_those_that_one_can_walk(k: int, alike: bool) -> None:
    """Every sequence of choices, each until the token has left."""

    def walk(step: int) -> int:
        if step == 3:
            return 1
        total = 0
        for ids in itertools.combinations(range(5), k):
            total += 1 if OUT in ids or QUIT in ids else walk(step + 1)
        return total

    count = paths if not alike else distinct_paths
    assert count(graph_of(k=k)) == walk(0)
