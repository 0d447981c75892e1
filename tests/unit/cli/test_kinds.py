"""A researcher's own kind, from a folder that only the command line can name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SPEC = "examples/my_kind/my_kind.dna"


def dnac(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dnac", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_the_folder_the_word_is_unknown():
    done = dnac("check", SPEC)
    assert done.returncode == 1
    assert "bilinear" in done.stderr


def test_with_the_folder_it_is_checked_and_counted():
    done = dnac("plan", "--json", "--kinds", "examples/my_kind", SPEC)
    assert done.returncode == 0, done.stderr
    params = json.loads(done.stdout)["params"]["total"]
    # embed 256·32 + 64·32; attention 32 + 4·32²; products 4·(32 + 3·32·64); mlps 4·(32 + 2·32·96);
    # routers 3·32·9; head 32·256
    assert params == 10_240 + 4_128 + 4 * 6_176 + 4 * 6_176 + 864 + 8_192


def test_it_computes_its_formula_in_every_lowering():
    script = f"""
import torch, dnac
from pathlib import Path
from dnac import catalogue
catalogue.add_folder(Path("examples/my_kind"))
spec = dnac.load({SPEC!r})
a, b = (spec.build(lowering=name, dtype=torch.float64, seed=3) for name in ("reference", "portable"))
x = torch.randint(0, 256, (2, 64))
made = a(x, record=True)
forced = b(x, routes=tuple(r.ids for r in made.record))
assert torch.allclose(made.logits, forced.logits, atol=1e-9), (made.logits - forced.logits).abs().max()
forced.logits.square().mean().backward()
views = b.state_dict()["thoughts.product.bilinear.views"]
assert views.shape == (4, 32, 128)
grad = dict(b.named_parameters())["thoughts.product.bilinear.views"].grad
assert grad.abs().sum() > 0
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
