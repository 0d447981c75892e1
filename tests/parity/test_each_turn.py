"""`start = each_turn(member, but = [...])`: first the whole net, or the net without some layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import dnac
from checking import checked
from dnac.lowering.network import Network

BLOCK = "transformer(heads = 4, kv_heads = 2, norm = rms, mlp = swiglu(24))"
FRONT = """
  input text(context = 12, vocabulary = 32)
  embed tokens(16, positions = rope(100))
"""
SPEC = f"""dna 1
net dense {{{FRONT}
  repeat 3 {{ block: {BLOCK} }}
  head lm = unembed(tied = true, norm = rms)
}}
net skips {{{FRONT}
  router hub {{
    read = [h, step]; score = mlp(8); choose = top(1); weight = one; grad = ste; balance = []; sees = everyone
    start = each_turn(block, margin = 1)
  }}
  repeat 3 {{
    pool turn {{ block = {BLOCK}; leave = identity() }}
    hop: route turn by hub
  }}
  head lm = unembed(tied = true, norm = rms)
}}
net without = skips with {{ hub.start = each_turn(block, but = [1], margin = 1) }}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("turns") / "s.dna"
    file.write_text(SPEC)
    return str(file)


def built(path: str, net: str, lowering: str = "portable") -> Network:
    """A net whose layers are those of `dense`, large enough to tell layers apart."""
    network = dnac.load(path, net=net).build(lowering=lowering, dtype="float64", seed=3)
    with torch.no_grad():
        layers = dnac.load(path, net="dense").build(dtype="float64", seed=3).state_dict()
        for name, tensor in network.state_dict().items():
            if name.startswith("turn."):
                number, tail = name.removeprefix("turn.").split(".block.")
                tensor.copy_(4 * layers[f"block.{number}.{tail}"].view_as(tensor))
            elif name.startswith("block."):
                tensor.mul_(4)
    return network.eval()


def ids() -> Tensor:
    return torch.randint(32, (3, 12), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("lowering", ["portable", "reference"])
def test_it_starts_as_the_dense_net(path: str, lowering: str) -> None:
    wanted, found = built(path, "dense")(ids()).logits, built(path, "skips", lowering)(ids(), record=True)
    assert [step.ids.unique().tolist() for step in found.record] == [[0], [0], [0]]
    assert torch.allclose(found.logits, wanted, atol=1e-9)


@pytest.mark.parametrize("lowering", ["portable", "reference"])
def test_it_starts_without_the_turns_that_are_named(path: str, lowering: str) -> None:
    network, every = built(path, "without", lowering), built(path, "skips", lowering)
    found = network(ids(), record=True)
    assert [step.ids.unique().tolist() for step in found.record] == [[0], [1], [0]]
    forced = [torch.full((3, 12, 1), slot) for slot in (0, 1, 0)]
    assert torch.allclose(found.logits, every(ids(), routes=forced).logits, atol=1e-9)
    assert not torch.allclose(found.logits, every(ids()).logits, atol=1e-2)


def test_the_router_learns_from_there(path: str) -> None:
    network = built(path, "without").train()
    network(ids()).logits.square().sum().backward()
    weights = dict(network.named_parameters())
    assert weights["hub.down"].grad is not None and bool(weights["hub.down"].grad.abs().max() > 0)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("each_turn(blocks)", "blocks"),
        ("each_turn(block, but = [3])", "`but` names turn 3, and turns are 0 to 2"),
        ("each_turn(block, but = [1], then = block)", "`block` is no way out"),
    ],
)
def test_a_start_that_cannot_be_is_said(start: str, message: str) -> None:
    text = SPEC.replace("each_turn(block, but = [1], margin = 1)", start)
    found = [d for d in checked(text).bag if d.severity == "error"]
    assert found and any(message in d.message for d in found), [d.message for d in found]


def test_a_member_of_several_modules_or_a_pool_without_skips_is_refused() -> None:
    several = SPEC.replace("block = transformer", "block[2] = transformer")
    assert any("`block` has 2 modules" in d.message for d in checked(several).bag)
    bare = SPEC.replace("leave = identity()", f"leave = {BLOCK}")
    assert any("nothing to skip with" in d.message for d in checked(bare).bag)
