"""Weight gradients of a bank over 12 routing steps: one joined product against one a step and its additions.

N = 32 x 1024 rows a step, bf16, uniform choices. Milliseconds for all steps, medians of 8; TFLOP/s beside.
"""

from __future__ import annotations

import json

import torch
from primitives import ms

from dnac.lowering.kernels import outer
from dnac.lowering.products import rows_outer

N, D, S = 32 * 1024, 768, 12
TILES = [
    {"ROWS": 64, "INNER": 128, "OUTER": 256, "GROUP": 3, "num_warps": 8, "num_stages": 3},
    {"ROWS": 64, "INNER": 128, "OUTER": 256, "GROUP": 6, "num_warps": 8, "num_stages": 4},
    {"ROWS": 32, "INNER": 128, "OUTER": 256, "GROUP": 3, "num_warps": 8, "num_stages": 4},
    {"ROWS": 64, "INNER": 128, "OUTER": 128, "GROUP": 3, "num_warps": 4, "num_stages": 3},
    {"ROWS": 64, "INNER": 256, "OUTER": 128, "GROUP": 3, "num_warps": 8, "num_stages": 3},
]


def main() -> None:
    """Print one line for each."""
    torch.manual_seed(0)
    for M in (16, 64):
        ends = [torch.bincount(torch.randint(M, (N,), device="cuda"), minlength=M).cumsum(0).int() for _ in range(S)]
        for inner, wide in ((D, 3 * D), (D, 4 * D)):
            xs, ys = ([torch.randn(N, w, device="cuda", dtype=torch.bfloat16) for _ in range(S)] for w in (inner, wide))
            flops = 2 * N * S * inner * wide

            def stepwise(xs: list[torch.Tensor] = xs, ys: list[torch.Tensor] = ys) -> torch.Tensor:
                total = rows_outer(xs[0], ys[0], ends[0])
                for x, y, e in zip(xs[1:], ys[1:], ends[1:], strict=True):
                    total = total + rows_outer(x, y, e)
                return total

            wanted = sum(rows_outer(x, y, e).float() for x, y, e in zip(xs, ys, ends, strict=True))
            taken = ms(stepwise, 8)
            print(json.dumps({"M": M, "wide": wide, "stepwise": taken, "TFLOP/s": flops / taken / 1e9}), flush=True)
            for tile in TILES:
                outer.TILE = tile
                try:
                    wrong = float((outer.rows_outer_joined(xs, ys, ends) - wanted).abs().max() / wanted.abs().max())
                    taken = ms(lambda xs=xs, ys=ys: outer.rows_outer_joined(xs, ys, ends), 8)
                    found = {"joined": taken, "TFLOP/s": flops / taken / 1e9, "error": wrong}
                except Exception as error:
                    found = {"failed": str(error)[:80]}
                print(json.dumps({"M": M, "wide": wide, "tile": list(tile.values()), **found}), flush=True)


if __name__ == "__main__":
    main()
