"""Grouped products by our tiles against ATen's, at the shapes of one routed step (N = 32 x 1024, width 768, bf16).

Milliseconds and TFLOP/s of forward and of the input's gradient; medians of 10.
"""

from __future__ import annotations

import json

import torch
from primitives import ms
from torch.nn import functional as F

from dnac.lowering.kernels import tiles

N, D = 32 * 1024, 768
TILES = [
    (128, {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 3}),
    (128, {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 4}),
    (128, {"COLS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 3}),
    (128, {"COLS": 128, "DEPTH": 64, "num_warps": 8, "num_stages": 3}),
    (128, {"COLS": 128, "DEPTH": 128, "num_warps": 8, "num_stages": 2}),
    (64, {"COLS": 256, "DEPTH": 64, "num_warps": 4, "num_stages": 3}),
    (256, {"COLS": 128, "DEPTH": 64, "num_warps": 8, "num_stages": 3}),
]


def main() -> None:
    """Print one line for each."""
    torch.manual_seed(0)
    for M in (16, 64):
        ends = torch.bincount(torch.randint(M, (N,), device="cuda"), minlength=M).cumsum(0).int()
        for inner, outer in ((D, 3 * D), (D, 4 * D), (4 * D, D)):
            x, y = (torch.randn(N, w, device="cuda", dtype=torch.bfloat16) for w in (inner, outer))
            w = torch.randn(M, inner, outer, device="cuda", dtype=torch.bfloat16) * 0.02
            rate = 2 * N * inner * outer / 1e9
            runs = {"aten": (lambda: F.grouped_mm(x, w, offs=ends), lambda: F.grouped_mm(y, w.mT, offs=ends))}
            wanted = [run() for run in runs["aten"]]
            taken = [ms(run, 10) for run in runs["aten"]]
            print(
                json.dumps({"M": M, "I": inner, "O": outer, "aten": taken, "TFLOP/s": [rate / t for t in taken]}),
                flush=True,
            )
            for block, tile in TILES:
                tiles.BLOCK, tiles.TILE = block, tile
                of, at = tiles.row_tiles(ends, N)
                try:
                    run = lambda: tiles.tile_product(x, w, ends, of, at, False)
                    back = lambda: tiles.tile_product(y, w, ends, of, at, True)
                    wrong = [
                        float((r() - v).abs().max() / v.abs().max()) for r, v in zip((run, back), wanted, strict=True)
                    ]
                    taken = [ms(run, 10), ms(back, 10)]
                    found = {"ms": taken, "TFLOP/s": [round(rate / t) for t in taken], "error": wrong}
                except Exception as error:
                    found = {"failed": str(error)[:90]}
                print(json.dumps({"M": M, "O": outer, "tile": [block, *tile.values()], **found}), flush=True)


if __name__ == "__main__":
    main()
