"""`dnac::tile_product`: products of sorted rows with their modules' weights, tile by tile, and a sum.

A tile is BLOCK rows of one module times a block of columns; `row_tiles` says which rows of which
module each tile takes, once per routing step and bank. Matrices are loaded by the tensor memory
accelerator (sm_90). Rows of the next module in a module's last tile are computed and not stored.

The increments so far may be added while the tile is in registers. (An activation and its slope there
were tried: no faster than ATen's product and a pass of their own, see `docs/performance.md`.)

N rows, M modules, weights [M, I, O].
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from dnac.lowering.operators import operator, shapes_of

BLOCK = 128
TILE = {"COLS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 3}
"""Two programs share a processor, so that one stores while the other multiplies. (H200, see `benchmarks/kernels/`.)"""
LONG = {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 4}
"""For sums over many features."""


@triton.jit
def _product(
    x, w, y, plus, of, at, ends, I, DEEP, WIDE,
    TURNED: tl.constexpr, ADDS: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    m = tl.load(of + tl.program_id(1))
    if m >= 0:
        row, col = tl.load(at + tl.program_id(1)), tl.program_id(0) * COLS
        end = tl.load(ends + m)
        acc = tl.zeros([ROWS, COLS], tl.float32)
        for k in range(0, DEEP, DEPTH):
            a = x.load([row, k])
            if TURNED:
                acc = tl.dot(a, w.load([m * I + col, k]).T, acc, input_precision=PRECISION)
            else:
                acc = tl.dot(a, w.load([m * I + k, col]), acc, input_precision=PRECISION)
        rows = row + tl.arange(0, ROWS)
        cols = col + tl.arange(0, COLS)
        ok = (rows < end)[:, None] & (cols < WIDE)[None, :]
        place = rows.to(tl.int64)[:, None] * WIDE + cols[None, :]
        if ADDS:
            acc += tl.load(plus + place, mask=ok, other=0.0).to(tl.float32)
        tl.store(y + place, acc.to(y.dtype.element_ty), mask=ok)


@triton.jit
def _row_tiles(ends, of, at, M, TILES, ROWS: tl.constexpr, SIZE: tl.constexpr, MODULES: tl.constexpr):
    tile = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    n = tl.arange(0, MODULES)
    end = tl.load(ends + n, mask=n < M, other=0)
    start = tl.load(ends + n - 1, mask=(n > 0) & (n < M), other=0)
    last = tl.cumsum((end - start + ROWS - 1) // ROWS * (n < M), 0)
    done = (tile[:, None] >= last[None, :]) & (n < M)[None, :]
    m = tl.sum(done.to(tl.int32), 1)
    before = tl.max(tl.where(done, last[None, :], 0), 1)
    begin = tl.max(tl.where(done, end[None, :], 0), 1)
    inside = tile < TILES
    tl.store(of + tile, tl.where(m < M, m, -1), mask=inside)
    tl.store(at + tile, begin + (tile - before) * ROWS, mask=inside)


@operator("row_tiles")
def row_tiles(ends: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Module and first row of each tile, int32 [N / BLOCK + M]; -1 for tiles that nobody needs."""
    M = ends.shape[0]
    count = triton.cdiv(rows, BLOCK) + M
    of, at = (torch.empty(count, dtype=torch.int32, device=ends.device) for _ in range(2))
    modules = triton.next_power_of_2(M)
    size = max(16, 4096 // modules)
    _row_tiles[(triton.cdiv(count, size),)](ends, of, at, M, count, ROWS=BLOCK, SIZE=size, MODULES=modules)
    return of, at


@shapes_of(row_tiles)
def _(ends: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    count = triton.cdiv(rows, BLOCK) + ends.shape[0]
    return ends.new_empty(count), ends.new_empty(count)


def serves(dtype: torch.dtype, device: torch.device, *sizes: int) -> bool:
    """Whether products of these sizes run on tiles."""
    aligned = all(size * dtype.itemsize % 16 == 0 for size in sizes)
    return aligned and (device.type != "cuda" or torch.cuda.get_device_capability(device) >= (9, 0))


@operator("tile_product")
def tile_product(
    x: Tensor, weight: Tensor, ends: Tensor, of: Tensor, at: Tensor, turned: bool, plus: Tensor | None
) -> Tensor:
    """x [N, I] times weight [M, I, O], or x [N, O] times its transpose; with `plus` added. Dead rows: undefined."""
    M, I, O = weight.shape
    deep, wide = (O, I) if turned else (I, O)
    tile = LONG if deep >= 2048 and not turned else TILE
    y = x.new_empty((x.shape[0], wide))
    shape = [tile["COLS"], tile["DEPTH"]] if turned else [tile["DEPTH"], tile["COLS"]]
    _product[(triton.cdiv(wide, tile["COLS"]), of.shape[0])](
        TensorDescriptor.from_tensor(x, [BLOCK, tile["DEPTH"]]),
        TensorDescriptor.from_tensor(weight.view(M * I, O), shape),
        y, y if plus is None else plus, of, at, ends, I, deep, wide,
        TURNED=turned, ADDS=plus is not None, ROWS=BLOCK,
        PRECISION="ieee" if x.dtype == torch.float32 else "tf32", **tile,
    )  # fmt: skip
    return y


@shapes_of(tile_product)
def _(x: Tensor, weight: Tensor, ends: Tensor, of: Tensor, at: Tensor, turned: bool, plus: Tensor | None) -> Any:
    return x.new_empty((x.shape[0], weight.shape[1] if turned else weight.shape[2]))
