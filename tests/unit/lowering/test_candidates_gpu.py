"""Candidates that need a GPU compute what the portable ones do (in float32 under Triton's interpreter too)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from dnac.lowering import candidates
from dnac.lowering.candidates import Bench
from dnac.lowering.tune import tune
from dnac.schedule.questions import question
from dnac.schedule.types import Types
from graphs import tiny_text

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE, DTYPE = (torch.device("cpu"), torch.float32) if INTERPRETED else (torch.device("cuda"), torch.bfloat16)
BF16 = Types("float32", "bfloat16", "float32")
LOOSE = {"atol": 1e-5, "rtol": 1e-4} if INTERPRETED else {"atol": 3e-2, "rtol": 3e-2}

pytestmark = [
    *([] if INTERPRETED else [pytest.mark.gpu]),
    pytest.mark.skipif(not (INTERPRETED or torch.cuda.is_available()), reason="no CUDA device on this machine"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def bench(group: str, **shape: int) -> Bench:
    torch.manual_seed(0)
    return Bench(question(group, **shape), DEVICE, DTYPE)


@pytest.mark.parametrize("name", ["segments", *([] if INTERPRETED else ["flex", "varlen"])])
@pytest.mark.parametrize(("causal", "window"), [(1, 0), (0, 0), (1, 9)])
@pytest.mark.parametrize("choices", [1, 2])
def test_ways_of_attending_agree(name: str, causal: int, window: int, choices: int) -> None:
    heads = {"heads": 2, "kv_heads": 2, "head_width": 32}
    where = bench(
        "attention", sequences=2, tokens=90, choices=choices, live=70, modules=3, **heads, causal=causal, window=window
    )
    if name == "varlen" and window:
        with pytest.raises(candidates.NotHere, match="positions"):
            candidates.varlen(where)
        return
    masked, other = candidates.mask(where), candidates.MAKERS["attention", name](where)
    q, k, v = (x.detach().requires_grad_() for x in masked.inputs)
    given = (torch.cat([x.flatten(1) for x in (q, k, v)], dim=-1),) if name == "segments" else (q, k, v)
    live = where.rows.live
    want, got = masked.run(q, k, v), other.run(*given)
    got = got.reshape(want.shape)
    torch.testing.assert_close(got[live], want[live], **LOOSE)
    back = torch.randn_like(want) * live[:, None, None]
    for a, b in zip(*(torch.autograd.grad(made, (q, k, v), back) for made in (got, want)), strict=True):
        torch.testing.assert_close(a[live], b[live], **LOOSE)


def test_weight_gradients_joined_or_one_by_one_agree() -> None:
    where = bench("weight_gradient", uses=3, rows=90, live=60, modules=3, inner=16, outer=32)
    x, y = (part * where.rows.live[:, None] for part in candidates.per_step(where).inputs)
    want, got = (candidates.MAKERS["weight_gradient", name](where).run(x, y) for name in ("per_step", "joined"))
    torch.testing.assert_close(got, want, atol=1e-4 if INTERPRETED else 0.3, rtol=3e-2)


@pytest.mark.skipif(INTERPRETED, reason="needs a CUDA device")
def test_tuning_measures_every_candidate_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNAC_COSTS", str(tmp_path))
    graph = tiny_text()
    first = tune(graph, DEVICE, BF16, 2)
    failed = [entry for entry in first.skipped if entry[2].startswith("it failed")]
    assert failed == []
    assert tune(graph, DEVICE, BF16, 2).measured == ()


def test_products_on_tiles_agree() -> None:
    pytest.importorskip("dnac.lowering.kernels.tiles")
    where = bench("product", rows=300, live=70, modules=3, inner=64, outer=32)
    live = where.rows.live  # drawn now, so that both trials draw the same weight and rows
    made: list[tuple[torch.Tensor, ...]] = []
    for maker in (candidates.tiles, candidates.loop if INTERPRETED else candidates.aten):
        torch.manual_seed(1)
        trial = maker(where)
        y = trial.run(*trial.inputs)
        back = torch.where(live[:, None], torch.ones_like(y), 0)
        made.append((y[live], torch.autograd.grad(y, trial.inputs, back)[0][live]))
    for got, want in zip(*made, strict=True):
        torch.testing.assert_close(got, want, atol=1e-3 if INTERPRETED else 0.3, rtol=3e-2)
