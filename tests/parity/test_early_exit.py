"""Early exit: how sure a head is, layers that are dropped while training, and their agreement among lowerings."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.kinds.base import ScoreKind
from dnac.lowering.knobs import starts
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.losses import whole_loss
from lowered import error, gradients
from wide import Wide

TEXT = """dna 1
net early {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  repeat 3 as i {
    transformer(heads = 2, layer_dropout = 40% * i)
    tap lm(loss = 0.25)
    halt by { score = confidence(lm, MEASURE); choose = threshold(0.35); when = eval; sees = copied }
  }
}
"""
POOL = """dna 1
net pooled {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  pool nodes { block[3] = transformer(heads = 2, layer_dropout = 50%); skip = identity() }
  repeat 2 { route nodes by { choose = top(2); weight = raw; balance = [] } }
  head lm = unembed(tied = true)
}
"""


def network(text: str, lowering: str = "portable", measure: str = "top_gap") -> Network:
    checked = check(Source("t.dna", text.replace("MEASURE", measure)))
    assert not checked.bag.has_errors, checked.bag
    graph: Graph = checked.nets[0].graph
    net = Network(graph, lowering, dtype="float64", seed=3).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(12 if p.dim() > 1 else 1)
    return net


def inputs(rows: int = 2) -> torch.Tensor:
    return torch.arange(rows * 8).reshape(rows, 8) * 7 % 11


@pytest.mark.parametrize("measure", ["top_gap", "top", "entropy"])
@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_a_token_leaves_where_the_head_is_sure(lowering: str, measure: str) -> None:
    net = network(TEXT, lowering, measure)
    output = net(inputs(), record=True)
    # what the head would say after the first layer: the same net, from which everybody leaves there
    early = net(inputs(), routes=[torch.zeros(2, 8, 1, dtype=torch.int64), *[torch.full((2, 8, 1), -1)] * 2]).logits
    p = early.softmax(-1)
    best = p.sort(-1, descending=True).values
    wanted = {
        "top_gap": best[..., 0] - best[..., 1],
        "top": best[..., 0],
        "entropy": 1 + (p * p.log()).sum(-1) / torch.log(torch.tensor(11.0, dtype=torch.float64)),
    }[measure]
    assert error(output.record[0].gates[..., 0], wanted) < 1e-10
    left = output.record[0].ids[..., 0] == 0
    assert torch.equal(left, wanted > 0.35) and 0 < int(left.sum()) < 16
    assert error(output.logits[left], early[left]) < 1e-12


@pytest.mark.parametrize("text", [TEXT, POOL])
@pytest.mark.parametrize("training", [False, True])
def test_the_lowerings_agree(text: str, training: bool) -> None:
    reference, portable = network(text, "reference").train(training), network(text).train(training)
    expected, found = reference(inputs(4), record=True), portable(inputs(4), record=True)
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(expected.record, found.record, strict=True))
    assert error(found.logits, expected.logits) < 1e-9
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_a_dropped_layer_is_passed_by_as_a_whole_by_its_sequence(lowering: str) -> None:
    """A sequence of a net of one layer has the layer or has it not: nothing in between, and nothing is scaled."""
    text = TEXT.replace("repeat 3", "repeat 1").replace("40% * i", "40%").replace("    tap lm(loss = 0.25)\n", "")
    net = network(text, lowering)
    ids = inputs(1).expand(200, 8)
    with_layer = net.eval()(ids[:1], routes=[torch.full((1, 8, 1), -1)]).logits
    table, gain = net.get_parameter("embed.table"), dict(net.named_parameters()).get("lm.norm")
    x = table[ids[:1]] + net.get_parameter("embed.positions")[:8]
    x = x if gain is None else torch.nn.functional.layer_norm(x, (16,)) * gain
    logits = net.train()(ids, seeds=torch.tensor([5, 1])).logits
    has = (logits - with_layer).abs().amax((1, 2)) < 1e-9
    lacks = (logits - x @ table.T).abs().amax((1, 2)) < 1e-9
    assert bool((has ^ lacks).all())
    assert 0.5 < has.double().mean() < 0.7
    again = net(ids, seeds=torch.tensor([5, 2])).logits
    assert not torch.equal(again, logits)


def wide(text: str, *, training: bool, record: bool = False) -> Counter[str]:
    """Of a pass, with its losses and the way back while training."""
    net, ids = network(text.replace("vocabulary = 11", "vocabulary = 512")).train(training), inputs(4)
    with Wide(4 * 8 * 512) as counted, torch.set_grad_enabled(training):
        output = net(ids, record=record)
        if training:
            whole_loss(output, ids, label_smoothing=0.0, count=32).backward()
    return counted.seen


DENSE = "\n".join(line for line in TEXT.splitlines() if "tap" not in line and "halt" not in line)


@pytest.mark.parametrize("measure", ["top_gap", "top", "entropy"])
def test_a_train_step_computes_no_confidence_that_nobody_reads(measure: str) -> None:
    """Three taps and the head cost four times what one head costs: nothing else is as large as the vocabulary."""
    dense = wide(DENSE, training=True)
    found = wide(TEXT.replace("MEASURE", measure), training=True)
    assert found == Counter({name: 4 * count for name, count in dense.items()})


@pytest.mark.parametrize("when", ["eval", "both"])
def test_confidence_is_computed_where_tokens_may_leave_and_where_it_is_recorded(when: str) -> None:
    text = TEXT.replace("when = eval", f"when = {when}")
    assert wide(text, training=False)["_softmax"] == 3
    assert wide(text, training=True, record=True)["_softmax"] == 3
    assert wide(text, training=True)["_softmax"] == (3 if when == "both" else 0)


def test_the_vocabulary_is_never_sorted() -> None:
    assert not {"topk", "sort", "argsort", "kthvalue"} & wide(TEXT, training=False).keys()


def test_an_equal_best_word_leaves_no_gap() -> None:
    kind: ScoreKind = catalogue.get("score", "confidence")
    ops = SimpleNamespace(logits=lambda view: torch.tensor([[[2.0, 0.0, 2.0], [0.0, 3.0, 1.0]]]), candidates=1)
    sure = kind.scores(kind.Params(head="lm"), {}, torch.zeros(1, 2, 4), ops)  # type: ignore[misc, arg-type]
    best = torch.tensor([0.0, 3.0, 1.0]).softmax(-1)
    assert sure[0, 0, 0] == 0 and torch.allclose(sure[0, 1, 0], best[1] - best[2])


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_without_a_record_a_train_step_is_the_same(lowering: str) -> None:
    net, ids = network(TEXT, lowering).train(), inputs(4)
    told, untold = net(ids, record=True), net(ids)
    assert torch.equal(told.logits, untold.logits) and len(told.taps) == len(untold.taps) == 3
    for a, b in zip(told.stats, untold.stats, strict=True):
        assert torch.equal(a.counts, b.counts) and bool(b.finite) and a.left == b.left == 0


def test_confidence_is_computed_where_it_weighs_a_loss() -> None:
    text = TEXT.replace("    tap lm(loss = 0.25)\n", "").replace(
        "sees = copied }", "sees = copied }\n    tap lm(loss = halting)"
    )
    net, ids = network(text).train(), inputs(4)
    told, untold = net(ids, record=True), net(ids)
    shares = [tap.share for tap in untold.taps]
    assert all(torch.equal(a.share, share) for a, share in zip(told.taps, shares, strict=True))
    assert 0 < float(shares[0].mean()) < 1


RATE = "schedule(0%, linear(60%, 100%))"
RISES = TEXT.replace("40% * i", RATE)
POOL_RISES = POOL.replace("50%", RATE)


@pytest.mark.parametrize("text", [RISES, POOL_RISES])
@pytest.mark.parametrize("way", ["reference", "portable", "by steps"])
def test_scheduled_layer_dropout_is_that_of_the_number_it_is_at_present(text: str, way: str) -> None:
    net = network(text, "portable" if way == "by steps" else way).train()
    if way == "by steps":
        assert net.stepped is not None
        net.run = net.stepped.program(lambda piece: piece)
    fixed = {rate: network(text.replace(RATE, f"{rate}%"), "portable").train() for rate in (0, 30, 60)}
    ids, seeds = inputs(16), torch.tensor([5, 3])
    assert torch.equal(starts(net.graph), torch.zeros(1, dtype=torch.float64))
    for rate, wanted in fixed.items():
        found = net(ids, seeds=seeds, knobs=torch.tensor([rate / 100], dtype=torch.float64))
        assert error(found.logits, wanted(ids, seeds=seeds).logits) < 1e-9
    assert error(fixed[60](ids, seeds=seeds).logits, fixed[0](ids, seeds=seeds).logits) > 1e-3
    assert torch.equal(net.eval()(ids, seeds=seeds).logits, net(ids).logits)


def faults(rate: str, train: str = "") -> list[str]:
    checked = check(Source("t.dna", TEXT.replace("40% * i", rate).replace("MEASURE", "top") + train))
    return [each.code for each in checked.bag.items]


def test_a_layer_dropout_that_is_no_share_is_refused() -> None:
    train = """train early {
  data = stdlib_text(split = train); valid = stdlib_text(split = valid)
  batch = sequences(2); length = steps(9); lr = 1e-3
}
"""
    assert faults("schedule(0, linear(120%, 50%))") == ["DNA401"]
    assert "DNA602" in faults("schedule(0, linear(20%, steps(20)))", train)
    assert "DNA602" not in faults("schedule(0, linear(20%, steps(8)))", train)


@pytest.mark.parametrize("when, sorts", [("eval", False), ("both", True)])
def test_layers_run_whole_in_training_where_tokens_leave_at_evaluation_alone(when: str, sorts: bool) -> None:
    seen: list[str] = []

    def keep(module: torch.fx.GraphModule, _: list[torch.Tensor]) -> torch.fx.GraphModule:
        seen.extend(str(node.target) for node in module.graph.nodes)
        return module

    net = network(TEXT.replace("when = eval", f"when = {when}")).train()
    torch._dynamo.reset()
    net.run = torch.compile(net.run, backend=keep, fullgraph=True, dynamic=False)
    net(inputs(), seeds=torch.tensor([1, 2]), knobs=starts(net.graph))
    assert any("sort" in target for target in seen) == sorts
