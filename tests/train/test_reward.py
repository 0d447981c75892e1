"""`grad = reinforce`: the gradient is that of the expected loss, exactly, over all that could have been drawn."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch

import dnac
from checking import codes
from dnac.data.base import IGNORED
from dnac.lowering.network import Network
from dnac.train.reward import Reward, by_sequence, others_mean, reward

SPEC = """dna 1
net drawn {
  input text(context = 2, vocabulary = 7, tokenizer = none)
  embed tokens(8, positions = learned, init = normal(0.5))
  pool nodes { block[2] = transformer(heads = 2, init = normal(0.5)); skip = identity() }
  repeat 2 {
    hop: route nodes by {
      score = linear(init = normal(1)); choose = sample(1, eval = largest); weight = one; grad = reinforce; balance = []
    }
  }
  head lm = unembed(init = normal(1))
}
net priced {
  input text(context = 2, vocabulary = 7, tokenizer = none)
  embed tokens(8, positions = learned, init = normal(0.5))
  pool nodes { block[2] = transformer(heads = 2, init = normal(0.5)); skip = identity() }
  repeat 2 {
    hop: route nodes by {
      score = linear(init = normal(1)); choose = sample(1, eval = largest); weight = one; grad = reinforce; balance = []
    }
  }
  head lm = unembed(init = normal(1))
  budget compute = share(30%, per = sequence, by = reward(schedule(2, linear(5, 100%))))
}
net longer = drawn with { input.context = 16; input.vocabulary = 11 }
train longer {
  data = lookups(train, depth = 2, values = 5, tables = 5, samples = 20)
  valid = lookups(valid, depth = 2, values = 5, tables = 5, samples = 20)
  batch = sequences(8); length = steps(20); lr = 3e-2; seed = 1; optimizer = adamw(weight_decay = 0)
}
"""


@pytest.fixture
def net(tmp_path: Path) -> Network:
    path = tmp_path / "net.dna"
    path.write_text(SPEC)
    return dnac.load(path, net="drawn").build(device="cpu", dtype="float64", lowering="portable", seed=3).train()


def gradient(net: Network, loss: torch.Tensor, keep: bool = False) -> torch.Tensor:
    """Of all routers' weights, one after the other."""
    net.zero_grad()
    loss.backward(retain_graph=keep)
    found = [p.grad for name, p in net.named_parameters() if name.startswith("hop")]
    assert len(found) == 2
    return torch.cat([torch.zeros(8 * 3, dtype=torch.float64) if g is None else g.flatten().clone() for g in found])


def test_over_all_draws_it_is_the_gradient_of_the_expected_loss(net: Network) -> None:
    """Two tokens, two steps, three candidates: 81 ways, each with its chance."""
    inputs, targets = torch.tensor([[1, 4]]), torch.tensor([[4, 2]])
    paid = reward(net.graph, 0.0)
    assert paid == Reward((0, 1))
    expected, estimated = torch.zeros(()).double(), torch.zeros(48).double()
    for ways in product(range(3), repeat=4):
        routes = tuple(torch.tensor(ways).view(2, 1, 2, 1).unbind(0))
        output = net(inputs, routes=routes, record=True)
        taken = [torch.gather(step.gates, -1, way) for step, way in zip(output.record, routes, strict=True)]
        chance = torch.stack(taken).prod()
        loss = by_sequence(output.logits, targets, 0.0)[0]
        expected = expected + chance * loss / 2
        surrogate = paid.loss(output, targets, 2)
        assert surrogate.item() == 0
        # the loss itself passes nothing to the routers: a weight of one
        estimated += chance.item() * gradient(net, surrogate + loss / 2, keep=True)
    wanted = gradient(net, expected)
    assert wanted.abs().max() > 1e-3
    assert torch.allclose(estimated, wanted, atol=1e-12)


def test_a_price_is_in_the_reward_of_what_ran_above_the_target(tmp_path: Path) -> None:
    """Over all draws the gradient of the expected loss and price; two targets, so twice the price."""
    (tmp_path / "net.dna").write_text(SPEC)
    loaded = dnac.load(tmp_path / "net.dna", net="priced")
    net = loaded.build(device="cpu", dtype="float64", lowering="portable", seed=3).train()
    inputs, targets = torch.tensor([[1, 4]]), torch.tensor([[4, 2]])
    paid, knobs = reward(net.graph, 0.0), torch.tensor([3.0], dtype=torch.float64)
    assert paid is not None and [budget.name for budget in paid.budgets] == ["compute"]
    expected, prices, estimated = torch.zeros(()).double(), torch.zeros(()).double(), torch.zeros(48).double()
    for ways in product(range(3), repeat=4):
        routes = tuple(torch.tensor(ways).view(2, 1, 2, 1).unbind(0))
        output = net(inputs, routes=routes, record=True, knobs=knobs)
        taken = [torch.gather(step.gates, -1, way) for step, way in zip(output.record, routes, strict=True)]
        chance = torch.stack(taken).prod()
        loss = by_sequence(output.logits, targets, 0.0)[0]
        share = sum(way < 2 for way in ways) / 4  # two tokens at two steps; 2 is the skip
        prices = prices + chance * 3.0 * max(share - 0.3, 0.0)
        expected = expected + chance * loss / 2
        estimated += chance.item() * gradient(net, paid.loss(output, targets, 2, knobs) + loss / 2, keep=True)
    wanted = gradient(net, expected + prices, keep=True)
    assert torch.allclose(estimated, wanted, atol=1e-12)
    assert (wanted - gradient(net, expected)).abs().max() > 1e-3, "the price counts"


def test_a_price_needs_routers_that_learn_from_rewards_and_sequences_that_pay() -> None:
    def of(grad: str, per: str, choose: str = "sample(1, eval = largest)") -> list[str]:
        return codes(f"""dna 1
net small {{
  input text(context = 64, vocabulary = 256)
  embed tokens(32, positions = learned)
  pool nodes {{ ffn[4] = mlp(gelu, 2x); skip = identity() }}
  hop: route nodes by {{ choose = {choose}; weight = one; grad = {grad}; balance = [] }}
  head lm = unembed()
  budget compute = flops(40%, per = {per}, by = reward(1))
}}
""")

    assert of("reinforce", "sequence") == []
    assert of("ste", "sequence") == ["DNA544"]
    assert of("reinforce", "batch") == ["DNA543"]


def test_the_mean_of_the_others_is_taken_away(net: Network) -> None:
    assert others_mean(torch.tensor([1.0, 2.0, 6.0])).tolist() == [4.0, 3.5, 1.5]
    assert others_mean(torch.tensor([5.0])).tolist() == [0.0]
    inputs = torch.tensor([[1, 4], [3, 3]])
    targets = torch.tensor([[4, 2], [IGNORED, 5]])
    output = net(inputs, record=True, seeds=torch.tensor([0, 1]), samples=torch.arange(2))
    each = by_sequence(output.logits, targets, 0.0).detach()
    chances = torch.stack([torch.gather(s.gates, -1, s.wanted)[..., 0].log().sum(-1) for s in output.record]).sum(0)
    by_hand = ((each - each.flip(0)) * chances).sum() / 3
    found = gradient(net, Reward((0, 1)).loss(output, targets, 3))
    output = net(inputs, record=True, seeds=torch.tensor([0, 1]), samples=torch.arange(2))
    chances = torch.stack([torch.gather(s.gates, -1, s.wanted)[..., 0].log().sum(-1) for s in output.record]).sum(0)
    assert torch.allclose(found, gradient(net, ((each - each.flip(0)) * chances).sum() / 3), atol=1e-14)
    assert by_hand.isfinite() and found.abs().max() > 0


def test_training_uses_it(net: Network, tmp_path: Path) -> None:
    """The routers move, and without the reward they would not."""
    from dnac.cli.main import main
    from dnac.train.run import Run

    words = ["--plain", "--no-compile", "--device", "cpu", "--lowering", "portable"]
    assert main(["train", f"{tmp_path / 'net.dna'}:longer", "--out", str(tmp_path / "run"), *words]) == 0
    run = Run.open(tmp_path / "run")
    first = run.spec.build(seed=run.resolved["seeds"]["init"]).state_dict()
    last = run.network(lambda diagnostic: None, device="cpu").state_dict()
    moved = [(last[key] - first[key]).abs().max().item() for key in last if key.startswith("hop") and "weight" in key]
    assert len(moved) == 2 and min(moved) > 1e-3


def test_it_is_refused_where_nothing_is_drawn_by_its_gate() -> None:
    def of(router: str) -> list[str]:
        body = "pool nodes { ffn[4] = mlp(gelu, 2x); skip = identity() }"
        ends = "  input text(context = 64, vocabulary = 256)\n  embed tokens(32, positions = learned)\n"
        routed = f"  hop: route nodes by {{ weight = one; grad = reinforce; {router} }}\n  head lm = unembed()\n"
        return codes(f"dna 1\nnet small {{\n{ends}  {body}\n{routed}}}\n")

    assert of("choose = sample(1, eval = largest); balance = [aux(0.01)]") == []
    assert of("choose = top(1); balance = []") == ["DNA535"]
    assert of("choose = gumbel(1); balance = []") == ["DNA535"]
    assert of("choose = sample(2, eval = largest); balance = []") == ["DNA535"]
    assert of("choose = sample(1, eval = largest); balance = [load_bias(1e-3)]") == ["DNA535"]
