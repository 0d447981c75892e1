"""`dnac::rows_outer_joined`: the weight gradient of one bank over several routing steps, in one product.

    dW[m] = sum over steps s of x_s[rows of m]^T y_s[rows of m]

Each tile of dW goes through the rows of its module in every step and is written once: made step by
step, a bank's gradient would be written, read and added as often as there are steps. Sums are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from dnac.lowering.operators import operator, shapes_of

TILE = {"ROWS": 64, "INNER": 128, "OUTER": 256, "GROUP": 3, "num_warps": 8, "num_stages": 3}


@triton.jit
def _outer(
    x, y, ends, tables, out, I, O, S,
    ROWS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, GROUP: tl.constexpr, ALIGN: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    m, tile = tl.program_id(1), tl.program_id(0)
    down, across = tl.cdiv(I, INNER), tl.cdiv(O, OUTER)
    band = tile // (GROUP * across)
    height = tl.minimum(down - band * GROUP, GROUP)
    i = (band * GROUP + tile % (GROUP * across) % height) * INNER + tl.arange(0, INNER)
    o = (tile % (GROUP * across) // height) * OUTER + tl.arange(0, OUTER)
    i_at, o_at = tl.where(i < I, i, 0), tl.where(o < O, o, 0)
    i_at = tl.max_contiguous(tl.multiple_of(i_at, INNER), INNER)
    o_at = tl.max_contiguous(tl.multiple_of(o_at, OUTER), OUTER)
    acc = tl.zeros([INNER, OUTER], tl.float32)
    for s in range(S):
        x_s = x + tl.multiple_of(tl.load(tables + s), ALIGN)
        y_s = y + tl.multiple_of(tl.load(tables + S + s), ALIGN)
        ends_s = ends + tl.load(tables + 2 * S + s)
        low = 0 if m == 0 else tl.load(ends_s + m - 1)
        high = tl.load(ends_s + m)
        for r in range(low, high, ROWS):
            rows = r + tl.arange(0, ROWS)
            ok = (rows < high)[:, None]
            rows = rows.to(tl.int64)[:, None]
            a = tl.load(x_s + rows * I + i_at[None, :], mask=ok, other=0.0)
            b = tl.load(y_s + rows * O + o_at[None, :], mask=ok, other=0.0)
            acc = tl.dot(tl.trans(a), b, acc, input_precision=PRECISION)
    place = out + m.to(tl.int64) * I * O + i[:, None].to(tl.int64) * O + o[None, :]
    tl.store(place, acc.to(out.dtype.element_ty), mask=(i < I)[:, None] & (o < O)[None, :])


def _distances(tensors: Sequence[Tensor]) -> list[int]:
    """From the first tensor to each, in elements."""
    first, size = tensors[0].data_ptr(), tensors[0].element_size()
    return [(t.data_ptr() - first) // size for t in tensors]


@operator("rows_outer_joined")
def rows_outer_joined(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Tensor:
    """xs [N, I], ys [N, O] and ends [M] of each step: [M, I, O]."""
    xs, ys, ends = ([t.contiguous() for t in each] for each in (xs, ys, ends))
    (I, O), M, S = (xs[0].shape[1], ys[0].shape[1]), ends[0].shape[0], len(xs)
    tables = torch.tensor([*_distances(xs), *_distances(ys), *_distances(ends)], pin_memory=xs[0].is_cuda)
    out = xs[0].new_empty((M, I, O))
    tile = dict(TILE)
    aligned = all(t.data_ptr() % 16 == 0 for t in (*xs, *ys))
    _outer[(triton.cdiv(I, tile["INNER"]) * triton.cdiv(O, tile["OUTER"]), M)](
        xs[0], ys[0], ends[0], tables.to(out.device, non_blocking=True), out, I, O, S,
        ALIGN=16 // out.element_size() if aligned else 1,
        PRECISION="ieee" if out.dtype == torch.float32 else "tf32", **tile,
    )  # fmt: skip
    return out


@shapes_of(rows_outer_joined)
def _(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Any:
    return xs[0].new_empty((ends[0].shape[0], xs[0].shape[1], ys[0].shape[1]))
