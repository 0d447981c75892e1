"""`dnac::tile_product`: products of sorted rows with their modules' weights, tile by tile, and a sum.

A tile is BLOCK rows of one module times a block of columns; `row_tiles` says which rows of which
module each tile takes, once per routing step and bank. As many programs run as the device holds, and
each takes every so-many-th tile: both loops are one to the compiler, so that the first matrices of a
tile are on their way while the tile before is stored. Matrices are loaded by the tensor memory
accelerator (sm_90). Rows of the next module in a module's last tile are computed and not stored.

The increments so far may be added while the tile is in registers. (An activation and its slope there
were tried: no faster than a pass of their own, see `docs/performance.md`.)

N rows, M modules, weights [M, I, O].
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F
from triton.tools.tensor_descriptor import TensorDescriptor

from dnac.lowering.operators import operator, shapes_of
from dnac.lowering.products import rows_outer

BLOCK = 128
SMALL = {"COLS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 3}
"""Two programs share a processor."""
LARGE = {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 3}
TURNED = {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 4}
BROAD_TYPE = {"COLS": 128, "DEPTH": 32, "num_warps": 8, "num_stages": 2}
"""For float32, whose tiles are twice as large. (All: H200, `benchmarks/kernels/products.py`.)"""


@triton.jit
def _product(
    x, w, y, plus, table, ends, I, DEEP, WIDE, TILES, PROGRAMS,
    TURNED: tl.constexpr, ADDS: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    across = tl.cdiv(WIDE, COLS)
    total = tl.load(table) * across
    for tile in tl.range(tl.program_id(0), total, PROGRAMS, flatten=True):
        place = table + 1 + tile // across
        m, row, col = tl.load(place), tl.load(place + TILES), tile % across * COLS
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
        at = rows.to(tl.int64)[:, None] * WIDE + cols[None, :]
        if ADDS:
            acc += tl.load(plus + at, mask=ok, other=0.0).to(tl.float32)
        tl.store(y + at, acc.to(y.dtype.element_ty), mask=ok)


@triton.jit
def _row_tiles(ends, table, M, TILES, ROWS: tl.constexpr, SIZE: tl.constexpr, MODULES: tl.constexpr):
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
    tl.store(table + 1 + tile, tl.where(m < M, m, -1), mask=inside)
    tl.store(table + 1 + TILES + tile, begin + (tile - before) * ROWS, mask=inside)
    if tl.program_id(0) == 0:
        tl.store(table, tl.max(last, 0))


def _tiles(rows: int, modules: int) -> int:
    return triton.cdiv(rows, BLOCK) + modules


@operator("row_tiles")
def row_tiles(ends: Tensor, rows: int) -> Tensor:
    """int32 [1 + 2 S], S = N / BLOCK + M: how many tiles are needed; the module of each, -1 for those that nobody
    needs; and the first row of each.
    """
    M, count = ends.shape[0], _tiles(rows, ends.shape[0])
    table = torch.empty(1 + 2 * count, dtype=torch.int32, device=ends.device)
    modules = triton.next_power_of_2(M)
    size = max(16, 4096 // modules)
    _row_tiles[(triton.cdiv(count, size),)](ends, table, M, count, ROWS=BLOCK, SIZE=size, MODULES=modules)
    return table


@shapes_of(row_tiles)
def _(ends: Tensor, rows: int) -> Tensor:
    return ends.new_empty(1 + 2 * _tiles(rows, ends.shape[0]))


def serves(dtype: torch.dtype, device: torch.device, *sizes: int) -> bool:
    """Whether products of these sizes run on tiles."""
    aligned = all(size * dtype.itemsize % 16 == 0 for size in sizes)
    return aligned and (device.type != "cuda" or torch.cuda.get_device_capability(device) >= (9, 0))


@lru_cache(maxsize=8)
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def _tile(dtype: torch.dtype, deep: int, wide: int, turned: bool, adds: bool) -> dict[str, int]:
    if dtype.itemsize > 2:
        return BROAD_TYPE
    if wide <= SMALL["COLS"] or adds or max(deep, wide) < 3072:
        return SMALL
    return TURNED if turned else LARGE


@operator("tile_product")
def tile_product(x: Tensor, weight: Tensor, ends: Tensor, table: Tensor, turned: bool, plus: Tensor | None) -> Tensor:
    """x [N, I] times weight [M, I, O], or x [N, O] times its transpose; with `plus` added. Dead rows: undefined."""
    M, I, O = weight.shape
    deep, wide = (O, I) if turned else (I, O)
    tile = _tile(x.dtype, deep, wide, turned, plus is not None)
    y = x.new_empty((x.shape[0], wide))
    shape = [tile["COLS"], tile["DEPTH"]] if turned else [tile["DEPTH"], tile["COLS"]]
    tiles = (table.shape[0] - 1) // 2
    programs = min(
        _processors(x.device) * (2 if tile["num_warps"] == 4 else 1), tiles * triton.cdiv(wide, tile["COLS"])
    )
    _product[(programs,)](
        TensorDescriptor.from_tensor(x, [BLOCK, tile["DEPTH"]]),
        TensorDescriptor.from_tensor(weight.view(M * I, O), shape),
        y, y if plus is None else plus, table, ends, I, deep, wide, tiles, programs,
        TURNED=turned, ADDS=plus is not None, ROWS=BLOCK,
        PRECISION="ieee" if x.dtype == torch.float32 else "tf32", **tile,
    )  # fmt: skip
    return y


@shapes_of(tile_product)
def _(x: Tensor, weight: Tensor, ends: Tensor, table: Tensor, turned: bool, plus: Tensor | None) -> Any:
    return x.new_empty((x.shape[0], weight.shape[1] if turned else weight.shape[2]))


def product(x: Tensor, weight: Tensor, ends: Tensor, table: Tensor | None, *, turned: bool = False) -> Tensor:
    """x [N, I] times weight [M, I, O], or x [N, O] times its transpose: on tiles where there is a table of them and
    they serve these sizes, else by ATen. Dead rows: undefined.
    """
    if table is not None and serves(x.dtype, x.device, *weight.shape[1:]):
        return tile_product(x, weight, ends, table, turned, None)
    return F.grouped_mm(x, weight.mT if turned else weight, offs=ends)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, ends: Tensor, table: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight, ends, table)
        return product(x, weight, ends, table)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight, ends, table = ctx.saved_tensors
        grad = grads[0].contiguous()
        need_x, need_weight = ctx.needs_input_grad[:2]
        return (
            product(grad, weight, ends, table, turned=True) if need_x else None,
            rows_outer(x, grad, ends) if need_weight else None,
            None,
            None,
        )


def bank_product(x: Tensor, weight: Tensor, ends: Tensor, table: Tensor | None = None) -> Tensor:
    """Each live row of x [N, I] times its module's weight [M, I, O]: [N, O]. Dead rows: undefined."""
    return _Product.apply(x, weight, ends, table)
