"""CALM's trained classifier learns whether a head already says what it says at the end, and changes nothing else."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from dnac.lowering.network import Network
from dnac.schedule.cost import Costs
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.losses import whole_loss
from lowered import error

TEXT = """dna 1
net early {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  repeat 3 {
    transformer(heads = 2)
    halt by { score = agreement(lm, loss = 0.5); choose = threshold(0.5); when = eval; sees = copied }
  }
}
"""
IDS = torch.arange(32).reshape(4, 8) * 7 % 11


def network(text: str = TEXT, lowering: str = "portable") -> Network:
    checked = check(Source("t.dna", text))
    assert not checked.bag.has_errors, checked.bag
    net = Network(checked.nets[0].graph, lowering, dtype="float64", seed=3).train()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(8 if p.dim() > 1 else 1)
    return net


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_the_loss_is_the_cross_entropy_of_agreement_with_the_end(lowering: str) -> None:
    net = network(lowering=lowering)
    output = net(IDS, record=True)
    end, wanted, shares = output.logits.argmax(-1), torch.zeros((), dtype=torch.float64), []
    tapped = network(TEXT.replace("    halt by", "    tap lm(loss = 1)\n    halt by"), lowering)
    for tap, step in zip(tapped(IDS).taps, output.record, strict=True):
        agrees = (tap.logits.argmax(-1) == end).double()
        wanted = wanted + 0.5 * binary_cross_entropy(step.gates[..., 0], agrees)
        shares.append(float(agrees.mean()))
    assert shares[-1] == 1 and 0 < shares[0] < 1
    assert error(output.router_loss, wanted) < 1e-10
    assert error(net(IDS).router_loss, wanted) < 1e-10  # whether or not anybody asks for the record


def test_it_teaches_the_classifier_alone() -> None:
    net = network()
    net(IDS).router_loss.backward()
    for name, p in net.named_parameters():
        has_gradient = p.grad is not None and bool(p.grad.abs().sum() > 0)
        assert has_gradient == ("router" in name or "halt" in name), name


def test_a_token_leaves_where_the_chance_of_agreement_is_high() -> None:
    net = network().eval()
    with torch.no_grad():
        record = net(IDS, record=True).record
    here = torch.ones(4, 8, dtype=torch.bool)
    for step in record:
        left = step.ids[..., 0] == 0
        assert torch.equal(left[here], (step.gates[..., 0] > 0.5)[here])
        here = here & ~left
    assert 0 < int(here.sum()) < 32


def test_the_classifier_learns() -> None:
    net, losses = network(), []
    optimizer = torch.optim.Adam([p for n, p in net.named_parameters() if "halt" in n or "router" in n], lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        loss = net(IDS).router_loss
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.6 * losses[0]


def test_at_evaluation_no_head_is_asked_and_the_plan_says_so() -> None:
    by_head = check(Source("t.dna", TEXT.replace("agreement(lm, loss = 0.5)", "confidence(lm)"))).nets[0].graph
    own = network().graph
    assert Costs(by_head).flops.max - Costs(own).flops.max == pytest.approx(3 * (2 * 16 * 11 - 2 * 16))
    assert float(network().eval()(IDS).router_loss) == 0


def test_it_is_compiled_whole() -> None:
    stepped = network().stepped
    assert stepped is not None and "foretells" in stepped.why_not


def test_the_rest_of_the_net_trains_as_without_it() -> None:
    found = []
    for text in (TEXT, "\n".join(line for line in TEXT.splitlines() if "halt" not in line)):
        net = network(text)
        output = net(IDS)
        (whole_loss(output, IDS, label_smoothing=0.0, count=32) + output.router_loss).backward()
        found.append({name: p.grad for name, p in net.named_parameters()})
    assert all(error(found[0][name], gradient) < 1e-10 for name, gradient in found[1].items())


@pytest.mark.slow
def test_it_compiles_as_one_graph() -> None:
    net = network()
    wanted = net(IDS).router_loss
    net.run = torch.compile(net.run, fullgraph=True)
    assert error(net(IDS).router_loss, wanted) < 1e-10
