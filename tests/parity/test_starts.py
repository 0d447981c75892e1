"""`start = sequential(member)`: exactly the sequential network at first, in every lowering, and open to learning."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import dnac
from dnac.lowering.network import Network

BLOCK = "transformer(heads = 4, kv_heads = 2, norm = rms, mlp = swiglu(24))"
SPEC = f"""dna 1
net dense {{
  input text(context = 12, vocabulary = 32)
  embed tokens(16, positions = rope(100))
  repeat 3 {{ {BLOCK} }}
  head lm = unembed(tied = true, norm = rms)
}}
net radial {{
  input text(context = 12, vocabulary = 32)
  embed tokens(16, positions = rope(100))
  pool layers {{ block[3] = {BLOCK}; out = exit() }}
  router hub {{
    read = [h, step, last]; score = mlp(8); choose = top(1); weight = raw; balance = []; sees = module
    start = sequential(block, margin = schedule(20, linear(2, 50%)))
  }}
  repeat 4 {{ hop: route layers by hub }}
  head lm = unembed(tied = true, norm = rms)
}}
net even = radial with {{ hub.weight = one; hub.grad = "ste" }}
net turns = radial with {{ hub.start = sequential(block, by = step) }}
net alone = radial with {{ hub.sees = peers }}
net unified = radial with {{ hub.sees = history }}
net sure = radial with {{ hub.start = sequential(block) }}
""".replace('"ste"', "ste")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("starts") / "s.dna"
    file.write_text(SPEC)
    return str(file)


def built(path: str, net: str, lowering: str = "portable", dtype: str = "float32") -> Network:
    """A net whose layers are those of `dense`, large enough to tell orders apart."""
    network = dnac.load(path, net=net).build(lowering=lowering, dtype=dtype, seed=3)
    dense = dnac.load(path, net="dense").build(dtype=dtype, seed=3)
    state, layers = network.state_dict(), dense.state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            if name.startswith("layers.block."):
                tail = name.removeprefix("layers.block.")
                tensor.copy_(torch.stack([layers[f"transformer.{i}.{tail}"] for i in range(3)]) * 4)
    return network


def sequential(path: str, dtype: str = "float32") -> Network:
    network = dnac.load(path, net="dense").build(dtype=dtype, seed=3)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.startswith("transformer."):
                tensor.mul_(4)
    return network


def ids() -> Tensor:
    return torch.randint(0, 32, (3, 12), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("net", ["radial", "even", "turns", "alone", "sure"])
def test_it_starts_as_the_sequential_network(path: str, net: str, lowering: str) -> None:
    found, expected = built(path, net, lowering)(ids(), record=True), sequential(path)(ids())
    assert (found.logits - expected.logits).abs().max() < 1e-4
    assert [step.ids.unique().tolist() for step in found.record] == [[0], [1], [2], [3]]
    assert all((step.weights == 1).all() for step in found.record)


def test_with_the_history_it_starts_as_another_network(path: str) -> None:
    found, expected = built(path, "unified")(ids()), sequential(path)(ids())
    assert (found.logits - expected.logits).abs().max() > 1e-2


@pytest.mark.parametrize("net", ["radial", "unified"])
def test_lowerings_agree_where_the_start_no_longer_decides(path: str, net: str) -> None:
    """At margin 1 and with scores of their own, tokens go different ways."""
    reference, portable = (built(path, net, lowering, "float64") for lowering in ("reference", "portable"))
    noise = torch.randn(8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    outputs = []
    for network in (reference, portable):
        with torch.no_grad():
            network.get_parameter("hub.down").copy_(noise)
            network.get_parameter("hub.down")[:, 3] = 0  # few leave
            network.get_parameter("hub.up").mul_(50)
        outputs.append(network(ids(), knobs=torch.tensor([1.0]), record=True))
    one, two = outputs
    assert all(len(step.ids.unique()) > 1 for step in one.record[1:])
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(one.record, two.record, strict=True))
    assert (one.logits - two.logits).abs().max() < 1e-10


@pytest.mark.parametrize(("net", "learns"), [("even", True), ("sure", False)])
def test_a_certain_gate_teaches_nothing_and_a_weight_of_one_does(path: str, net: str, learns: bool) -> None:
    network = built(path, net)
    if net == "even":  # the margin that a straight-through router can afford
        network.train()
    knobs = torch.tensor([3.0]) if net == "even" else None
    network(ids(), knobs=knobs).logits.square().mean().backward()
    gradient = network.get_parameter("hub.down").grad
    assert gradient is not None
    assert bool(gradient.abs().max() > 1e-6) is learns


def test_a_scheduled_margin_is_taken_from_the_knobs(path: str) -> None:
    network = built(path, "radial")
    with torch.no_grad():
        made = [network(ids(), knobs=torch.tensor([m]), record=True).record[0].weights for m in (20.0, 2.0)]
    wanted = torch.tensor([2.0, 0, 0, 0]).softmax(0)[0]
    assert (made[0] == 1).all() and (made[1] - wanted).abs().max() < 1e-6


def test_only_the_matrix_that_makes_the_scores_starts_at_zero(path: str) -> None:
    network = dnac.load(path, net="radial").build(seed=3)
    assert not network.get_parameter("hub.down").any() and network.get_parameter("hub.up").std() > 0.01
