"""SmolLM2's series measures all that its table shows, of nets with a start and without: on nets of a few weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import dnac

HOME = Path(__file__).parents[2] / "examples" / "experiments" / "radial_pretrained"
SPEC = """dna 1
net dense {
  input text(context = 8, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = rope(10k))
  repeat 3 { block: transformer(heads = 2, norm = rms, mlp = swiglu(32)) }
  head lm = unembed(tied = true, norm = rms)
}
net apiece {
  input text(context = 8, vocabulary = 32, tokenizer = none)
  embed tokens(16, positions = rope(10k))
  repeat 3 {
    pool turn { block = transformer(heads = 2, norm = rms, mlp = swiglu(32)); leave = identity() }
    hop: route turn by {
      read = [h]; score = mlp(8); choose = top(1); weight = one; grad = ste; sees = everyone
      balance = []; start = each_turn(block, margin = 1)
    }
  }
  head lm = unembed(tied = true, norm = rms)
}
"""


@pytest.fixture(scope="module")
def smollm2() -> ModuleType:
    """The script, with windows of eight tokens."""
    spec = importlib.util.spec_from_file_location("smollm2_series", HOME / "smollm2.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["smollm2_series"] = module
    spec.loader.exec_module(module)
    module.CONTEXT = 8
    return module


@pytest.mark.parametrize("with_start", [True, False])
def test_every_figure_of_the_table_is_there(smollm2: ModuleType, tmp_path: Path, with_start: bool) -> None:
    (tmp_path / "net.dna").write_text(SPEC)
    nets = {
        name: dnac.load(tmp_path / "net.dna", net=net).build(device="cpu").eval()
        for name, net in {"trained": "apiece" if with_start else "dense", "dense": "dense", "start": "apiece"}.items()
        if name != "start" or with_start
    }
    ids = torch.randint(32, (4 * 8 + 1,), generator=torch.Generator().manual_seed(0))
    found, counts = smollm2.compared(nets, ids, 3)
    ran = smollm2.load(nets["trained"].graph, counts, 32)
    whole = {**found, "wiki": found["loss"], "wiki_cost": found["cost"], **ran}
    assert {*smollm2.SERIES.shown} <= {*whole}
    assert found["cost"] == pytest.approx(found["loss"] - found["dense"])
    assert (found["start"] is not None) == with_start
    assert ran["depth"] == 3 and ran["ran"] == ([1.0, 1.0, 1.0] if with_start else [])
    row = {"arm": "told26", "seed": 1, "figures": whole}
    assert "| told26 | 1 |" in smollm2.SERIES.text([row])


def test_losses_are_means_over_all_windows(smollm2: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "net.dna").write_text(SPEC)
    net = dnac.load(tmp_path / "net.dna", net="dense").build(device="cpu", seed=1).eval()
    ids = torch.randint(32, (4 * 8 + 1,), generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = net(ids[:-1].view(-1, 8)).logits.float()
    wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[1:])
    found, _ = smollm2.compared({"trained": net, "dense": net}, ids, 3)
    assert found["loss"] == pytest.approx(float(wanted), rel=1e-3)
    assert found["cost"] == 0 and abs(found["kl"]) < 1e-6
