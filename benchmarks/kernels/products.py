"""Grouped products by our tiles, by ATen, and by cuBLAS on groups of equal size (what a plain product reaches).

Shapes of one routed step, N = 32 x 1024 rows in bf16. Milliseconds and TFLOP/s of forward and of the input's
gradient (`turned`), medians of 10; "plus": the increments so far are added. `--tiles`: other sizes of tiles too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import torch
from primitives import ms
from torch import Tensor
from torch.nn import functional as F

from dnac.lowering.kernels import tiles

N = 32 * 1024
SHAPES = [
    (16, 768, 768),
    (16, 768, 2304),
    (16, 768, 3072),
    (16, 3072, 768),
    (36, 1024, 1024),
    (36, 1024, 4096),
    (36, 4096, 1024),
    (64, 768, 3072),
]
OTHERS = [
    {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 3},
    {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 4},
    {"COLS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 3},
    {"COLS": 128, "DEPTH": 64, "num_warps": 8, "num_stages": 4},
]


def tried(run: Callable[[], Tensor], wanted: Tensor, rate: float) -> dict[str, object]:
    """How fast, and how far off."""
    try:
        wrong = float((run() - wanted).abs().max() / wanted.abs().max())
        taken = ms(run, 10)
        return {"ms": taken, "TFLOP/s": round(rate / taken), "error": wrong}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:120]}


def main() -> None:
    """Print one line for each."""
    torch.manual_seed(0)
    chosen = tiles._tile
    for M, inner, outer in SHAPES:
        ends = torch.bincount(torch.randint(M, (N,), device="cuda"), minlength=M).cumsum(0).int()
        w = torch.randn(M, inner, outer, device="cuda", dtype=torch.bfloat16) * 0.02
        rate, table = 2 * N * inner * outer / 1e9, tiles.row_tiles(ends, N)
        for turned in (False, True):
            x = torch.randn(N, outer if turned else inner, device="cuda", dtype=torch.bfloat16)
            v = w.mT if turned else w
            wanted = F.grouped_mm(x, v, offs=ends)
            plus = torch.zeros_like(wanted)
            equal = x[: N // M * M].unflatten(0, (M, N // M))
            runs: dict[str, tuple[Callable[[], Tensor], Tensor]] = {
                "aten": (lambda x=x, v=v, ends=ends: F.grouped_mm(x, v, offs=ends), wanted),
                "equal groups, cuBLAS": (lambda equal=equal, v=v: equal @ v, equal @ v),
                "tiles": (
                    lambda x=x, w=w, ends=ends, t=table, turned=turned: tiles.tile_product(x, w, ends, t, turned, None),
                    wanted,
                ),
            }
            if not turned:
                runs["tiles, plus"] = (
                    lambda x=x, w=w, ends=ends, t=table, p=plus: tiles.tile_product(x, w, ends, t, False, p),
                    wanted,
                )
            for name, (run, right) in runs.items():
                print(
                    json.dumps(
                        {"M": M, "I": inner, "O": outer, "turned": turned, "by": name, **tried(run, right, rate)}
                    ),
                    flush=True,
                )
            for tile in OTHERS if "--tiles" in sys.argv else ():
                tiles._tile = lambda *_, tile=tile: tile
                found = tried(runs["tiles"][0], wanted, rate)
                print(json.dumps({"M": M, "I": inner, "O": outer, "turned": turned, **tile, **found}), flush=True)
                tiles._tile = chosen


if __name__ == "__main__":
    main()
