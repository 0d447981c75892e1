"""`dnac::tile_product`: products of sorted rows with their modules' weights, with what follows done on the tile.

A tile is BLOCK rows of one module times a block of columns; `row_tiles` says which rows of which
module each tile takes, once per routing step and bank. Matrices are loaded by the tensor memory
accelerator (sm_90). Rows of the next module in a module's last tile are computed and not stored.

What follows, while the tile is in registers: nothing; an activation, stored beside its argument; the
activation's gradient; or the addition of the increments so far.

N rows, M modules, weights [M, I, O].
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from dnac.lowering.kernels.activations import GATED, SERVED, act

BLOCK = 128
TILE = {"COLS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 3}
"""Two programs share a processor, so that one stores while the other multiplies."""
LONG = {"COLS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 4}
"""For sums over many features."""


@triton.jit
def _product(  # noqa: PLR0913
    x, w, y, other, of, at, ends, I, DEEP, WIDE,  # noqa: ANN001, E741, N803
    TURNED: tl.constexpr, THEN: tl.constexpr, KIND: tl.constexpr,  # noqa: N803
    ROWS: tl.constexpr, COLS: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr,  # noqa: N803
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
        if THEN == "activate":
            value, _ = act(acc.to(y.dtype.element_ty).to(tl.float32), KIND)
            tl.store(other + place, value.to(y.dtype.element_ty), mask=ok)
        if THEN == "slope":
            _, slope = act(tl.load(other + place, mask=ok, other=0.0).to(tl.float32), KIND)
            acc = acc * slope
        if THEN == "add":
            acc += tl.load(other + place, mask=ok, other=0.0).to(tl.float32)
        tl.store(y + place, acc.to(y.dtype.element_ty), mask=ok)


@triton.jit
def _row_tiles(ends, of, at, M, TILES, ROWS: tl.constexpr, SIZE: tl.constexpr, MODULES: tl.constexpr):  # noqa: ANN001, N803
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


@torch.library.custom_op("dnac::row_tiles", mutates_args=())
def row_tiles(ends: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Module and first row of each tile, int32 [N / BLOCK + M]; -1 for tiles that nobody needs."""
    M = ends.shape[0]
    count = triton.cdiv(rows, BLOCK) + M
    of, at = (torch.empty(count, dtype=torch.int32, device=ends.device) for _ in range(2))
    modules = triton.next_power_of_2(M)
    size = max(16, 4096 // modules)
    _row_tiles[(triton.cdiv(count, size),)](ends, of, at, M, count, ROWS=BLOCK, SIZE=size, MODULES=modules)
    return of, at


@row_tiles.register_fake
def _(ends: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    count = triton.cdiv(rows, BLOCK) + ends.shape[0]
    return ends.new_empty(count), ends.new_empty(count)


def serves(kind: str, dtype: torch.dtype, device: torch.device, *sizes: int) -> bool:
    """Whether an mlp of this activation and these sizes runs on tiles."""
    aligned = all(size * dtype.itemsize % 16 == 0 for size in sizes)
    is_able = device.type != "cuda" or torch.cuda.get_device_capability(device) >= (9, 0)
    return kind in SERVED and kind not in GATED and aligned and is_able


def _run(  # noqa: PLR0913
    x: Tensor, weight: Tensor, ends: Tensor, tiles: tuple[Tensor, Tensor], turned: bool, then: str, kind: str, other: Tensor | None
) -> Tensor:  # fmt: skip
    M, I, O = weight.shape  # noqa: E741
    deep, wide = (O, I) if turned else (I, O)
    tile = dict(LONG if deep >= 2048 and then != "slope" else TILE)
    y = x.new_empty((x.shape[0], wide))
    shape = [tile["COLS"], tile["DEPTH"]] if turned else [tile["DEPTH"], tile["COLS"]]
    _product[(triton.cdiv(wide, tile["COLS"]), tiles[0].shape[0])](
        TensorDescriptor.from_tensor(x, [BLOCK, tile["DEPTH"]]),
        TensorDescriptor.from_tensor(weight.view(M * I, O), shape),
        y, y if other is None else other, *tiles, ends, I, deep, wide,
        TURNED=turned, THEN=then, KIND=kind, ROWS=BLOCK, PRECISION="ieee" if x.dtype == torch.float32 else "tf32", **tile,
    )  # fmt: skip
    return y


@torch.library.custom_op("dnac::tile_product", mutates_args=())
def tile_product(x: Tensor, weight: Tensor, ends: Tensor, of: Tensor, at: Tensor, turned: bool, plus: Tensor | None) -> Tensor:
    """x [N, I] times weight [M, I, O], or x [N, O] times its transpose; with `plus` added. Dead rows: undefined."""
    return _run(x, weight, ends, (of, at), turned, "nothing" if plus is None else "add", "", plus)


@torch.library.custom_op("dnac::tile_activated", mutates_args=())
def tile_activated(x: Tensor, weight: Tensor, ends: Tensor, of: Tensor, at: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """x [N, I] times weight [M, I, O], and the activation of it."""
    z = x.new_empty((x.shape[0], weight.shape[2]))
    return _run(x, weight, ends, (of, at), False, "activate", kind, z), z


@torch.library.custom_op("dnac::tile_sloped", mutates_args=())
def tile_sloped(x: Tensor, weight: Tensor, ends: Tensor, of: Tensor, at: Tensor, kind: str, u: Tensor) -> Tensor:
    """x [N, O] times the transpose of weight [M, I, O], times the activation's slope at u [N, I]."""
    return _run(x, weight, ends, (of, at), True, "slope", kind, u)


@tile_product.register_fake
def _(x: Tensor, weight: Tensor, ends: Tensor, of: Tensor, at: Tensor, turned: bool, plus: Tensor | None) -> Any:
    return x.new_empty((x.shape[0], weight.shape[1] if turned else weight.shape[2]))


@tile_activated.register_fake
def _(x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    shape = x.shape[0], weight.shape[2]
    return x.new_empty(shape), x.new_empty(shape)


@tile_sloped.register_fake
def _(x: Tensor, weight: Tensor, *rest: Any) -> Any:
    return x.new_empty((x.shape[0], weight.shape[1]))
