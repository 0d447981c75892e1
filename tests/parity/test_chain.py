"""`chain(a, b)`: declared modules in sequence as one candidate, with the weights of these modules."""

from __future__ import annotations

import pytest
import torch

from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.ir.traits import unrolled
from dnac.lowering.network import Network
from dnac.schedule.sizes import Sizes
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.optim import idle_modules
from lowered import FAST, INTERPRETED, error, gradients

TEXT = """dna 1
net chained {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  module a = transformer(heads = 2)
  module b = mlp(gelu, 2x)
  LOOP
  head lm = unembed(tied = true)
  assert causal
}
"""
ROUTED = """a
  repeat 3 {
    pool go { pair = chain(a, b); alone = b; mine[2] = mlp(gelu, 2x); stop = exit(loop) }
    turn: route go by { choose = top(2); weight = raw; balance = [] }
  }"""
STEPS = "repeat 2 { a; b }"
CHAIN = "module pair = chain(a, b)\n  repeat 2 { pair }"
TWICE = "chain(a, b, a)"
DTYPE, CLOSE = (torch.float32, 2e-4) if INTERPRETED else (torch.float64, 1e-10)


def graph_of(loop: str) -> Graph:
    checked = check(Source("t.dna", TEXT.replace("LOOP", loop)))
    assert not checked.bag.has_errors, list(checked.bag)
    return checked.nets[0].graph


def network(loop: str, lowering: str = FAST, **more: object) -> Network:
    net = Network(graph_of(loop), lowering, dtype=DTYPE, seed=3, **more)  # type: ignore[arg-type]
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4 if p.dim() > 1 else 1)
    return net


def inputs() -> torch.Tensor:
    return torch.arange(16).reshape(2, 8) * 7 % 11


def test_it_has_the_weights_of_its_modules_and_none_of_its_own() -> None:
    steps, chain = network(STEPS), network(CHAIN)
    assert steps.state_dict().keys() == chain.state_dict().keys()
    assert all(torch.equal(w, steps.state_dict()[name]) for name, w in chain.state_dict().items())
    assert (
        Sizes(chain.graph).total_params == Sizes(steps.graph).total_params == sum(p.numel() for p in chain.parameters())
    )
    assert Sizes(chain.graph).module_params("pair") == sum(
        p.numel() for n, p in chain.named_parameters() if n[:2] in ("a.", "b.")
    )


@pytest.mark.parametrize("lowering", ["reference", FAST])
@pytest.mark.parametrize("level", ["O0", "O2"])
def test_it_is_its_modules_one_after_the_other(lowering: str, level: str) -> None:
    steps, chain = (network(text, lowering, level=level) for text in (STEPS, CHAIN))
    expected, found = steps(inputs()), chain(inputs())
    assert error(found.logits, expected.logits) < CLOSE
    wanted = gradients(steps, expected)
    assert all(error(g, wanted[name]) < 100 * CLOSE for name, g in gradients(chain, found).items())


def test_a_module_may_stand_in_it_twice() -> None:
    expected = network("a\n  b\n  route [a] by { choose = all; weight = one; frozen = true }")
    found = network(TWICE)
    expected.load_state_dict(found.state_dict(), strict=False)
    assert error(found(inputs()).logits, expected(inputs()).logits) < CLOSE


def test_the_lowerings_agree_where_it_is_chosen_beside_a_module_of_its_own() -> None:
    reference, fast = network(ROUTED, "reference"), network(ROUTED)
    expected = reference(inputs(), record=True)
    found = fast(inputs(), record=True, routes=[step.wanted for step in expected.record])
    assert error(found.logits, expected.logits) < CLOSE
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name], 1e-5) < 100 * CLOSE for name, g in gradients(fast, found).items())


def test_a_written_graph_reads_back() -> None:
    graph = graph_of(ROUTED)
    assert read_graph(print_graph(graph)).modules == graph.modules


def test_equal_turns_stay_one_region_and_turns_of_other_modules_do_not() -> None:
    shared = Network(graph_of(ROUTED.replace("stop = exit(loop)", "stay = identity()")), "portable").schedule
    assert any(type(i).__name__ == "Repeat" for i in shared.instructions)
    by_turns = network(ROUTED.replace("stop = exit(loop)", "stay = identity()"), "portable")
    assert by_turns.stepped is not None
    expected, by_turns.run = by_turns(inputs()), by_turns.stepped.program(lambda piece: piece)
    assert error(by_turns(inputs()).logits, expected.logits) < CLOSE
    own = "b\n  repeat 3 { module c = mlp(gelu, 2x); pool go { pair = chain(a, c); stay = identity() }\n" + (
        "route go by { choose = top(1); weight = raw; balance = [] } }"
    )
    reference, fast = network(own, "reference"), network(own)
    assert error(fast(inputs()).logits, reference(inputs()).logits) < CLOSE


def test_a_chain_that_runs_keeps_its_modules_from_being_idle() -> None:
    graph = graph_of(ROUTED.replace("a\n", "", 1).replace("alone = b; ", ""))
    steps = sum(type(n).__name__ == "Route" for n in unrolled(graph.nodes))
    chosen, other = torch.tensor([3, 0, 0, 13, 0]), torch.tensor([0, 3, 0, 13, 0])
    assert not any(idle_modules(graph, [chosen] * steps)[name].any() for name in ("a", "b"))
    assert all(idle_modules(graph, [other] * steps)[name].all() for name in ("a", "b"))


@pytest.mark.parametrize("wrong, code", [
    ("chain()", "DNA321"), ("chain(a, mlp(gelu, 2x))", "DNA208"), ("chain(a, x)", "DNA201"),
])  # fmt: skip
def test_what_is_no_declared_module_is_refused(wrong: str, code: str) -> None:
    checked = check(Source("t.dna", TEXT.replace("LOOP", f"a\n  b\n  {wrong}")))
    assert [d.code for d in checked.bag if d.severity == "error"] == [code]


def test_it_is_no_member_several_times_and_shares_no_norm() -> None:
    for pool, code in (("pool p { x[2] = chain(a, b) }", "DNA510"), ("pool p(norm = rms) { x = chain(a, b) }", "DNA")):
        text = f"a\n  b\n  {pool}\n  route p by {{ choose = top(1); weight = raw; balance = [] }}"
        checked = check(Source("t.dna", TEXT.replace("LOOP", text)))
        assert any(d.code.startswith(code) and d.severity == "error" for d in checked.bag)
