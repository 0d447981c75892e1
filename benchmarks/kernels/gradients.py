"""Weight gradients of a bank over 12 routing steps: one joined product against one a step and its additions.

N = 32 x 1024 rows a step, bf16, uniform choices. Milliseconds for all steps, medians of 8; TFLOP/s beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
from primitives import ms
from torch import Tensor

from dnac.lowering.kernels import outer
from dnac.lowering.products import rows_outer

N, S = 32 * 1024, 12
SHAPES = [(16, 768, 3072), (36, 1024, 4096), (36, 1024, 3072), (64, 768, 3072)]
TILES = {"many": outer.MANY, "between": outer.POINTERS, "few": outer.FEW}


def stepwise(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Tensor:
    """ATen's product for each step, and additions."""
    total = rows_outer(xs[0], ys[0], ends[0])
    for x, y, e in zip(xs[1:], ys[1:], ends[1:], strict=True):
        total = total + rows_outer(x, y, e)
    return total


def tried(run: Callable[[], Tensor], wanted: Tensor, flops: float) -> dict[str, object]:
    """How fast, and how far off."""
    try:
        wrong = float((run() - wanted).abs().max() / wanted.abs().max())
        taken = ms(run, 8)
        return {"ms": taken, "TFLOP/s": round(flops / taken / 1e9), "error": wrong}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:100]}


def main() -> None:
    """Print one line for each."""
    torch.manual_seed(0)
    chosen, by_lines = outer._tile, outer._by_lines
    for M, inner, wide in SHAPES:
        ends = [torch.bincount(torch.randint(M, (N,), device="cuda"), minlength=M).cumsum(0).int() for _ in range(S)]
        xs, ys = ([torch.randn(N, w, device="cuda", dtype=torch.bfloat16) for _ in range(S)] for w in (inner, wide))
        flops = 2 * N * S * inner * wide
        wanted = sum(rows_outer(x, y, e).float() for x, y, e in zip(xs, ys, ends, strict=True))
        joined = lambda xs=xs, ys=ys, ends=ends: outer.rows_outer_joined(xs, ys, ends)

        def say(name: str, run: Callable[[], Tensor], shape: tuple[int, ...] = (M, inner, wide)) -> None:
            found = tried(run, wanted, flops)
            print(json.dumps({**dict(zip("MIO", shape, strict=True)), "by": name, **found}), flush=True)

        say("stepwise", lambda xs=xs, ys=ys, ends=ends: stepwise(xs, ys, ends))
        say("joined", joined)
        for name, tile in TILES.items():
            outer._tile = lambda *_, tile=tile: tile
            say(f"joined, tile for {name} rows", joined)
        outer._by_lines = lambda *_: False
        say("joined, by pointers", joined)
        outer._tile, outer._by_lines = chosen, by_lines


if __name__ == "__main__":
    main()
