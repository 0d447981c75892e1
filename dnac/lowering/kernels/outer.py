"""`dnac::rows_outer_joined`: the weight gradient of one bank over several routing steps, in one product.

    dW[m] = sum over steps s of x_s[rows of m]^T y_s[rows of m]

Each tile of dW goes through the rows of its module in every step and is written once: made step by
step, a bank's gradient would be written, read and added as often as there are steps. Sums are float32.

Where sizes allow it, whole chunks of rows are loaded by the tensor memory accelerator (sm_90). It reads
one picture of memory that holds the rows of all steps: lines as far apart as rows, from the lowest
address on, and two rows long, since a step's first row may begin anywhere in a line. Nothing is read
but rows of the tensors themselves. The last chunk of a module's rows in a step is loaded by pointers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from dnac.lowering.operators import operator, shapes_of

POINTERS = {"ROWS": 64, "INNER": 128, "OUTER": 256, "GROUP": 3, "num_warps": 8, "num_stages": 3}
MANY = {**POINTERS, "num_stages": 4}
FEW = {"ROWS": 64, "INNER": 128, "OUTER": 128, "GROUP": 6, "num_warps": 4, "num_stages": 3}
MANY_ROWS, FEW_ROWS = 1536, 768
"""Mean rows of a module in a step; between them `POINTERS`' tile. (H200, `benchmarks/kernels/gradients.py`.)"""


@triton.jit
def _outer(
    x_lines, y_lines, x, y, ends, tables, out, I, O, S,
    ROWS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, GROUP: tl.constexpr, ALIGN: tl.constexpr,
    BY_LINES: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    m, tile = tl.program_id(1), tl.program_id(0)
    down, across = tl.cdiv(I, INNER), tl.cdiv(O, OUTER)
    band = tile // (GROUP * across)
    height = tl.minimum(down - band * GROUP, GROUP)
    i0 = (band * GROUP + tile % (GROUP * across) % height) * INNER
    o0 = (tile % (GROUP * across) // height) * OUTER
    i, o = i0 + tl.arange(0, INNER), o0 + tl.arange(0, OUTER)
    i_at, o_at = tl.where(i < I, i, 0), tl.where(o < O, o, 0)
    i_at = tl.max_contiguous(tl.multiple_of(i_at, INNER), INNER)
    o_at = tl.max_contiguous(tl.multiple_of(o_at, OUTER), OUTER)
    acc = tl.zeros([INNER, OUTER], tl.float32)
    for s in range(S):
        x_at, y_at = tl.load(tables + s), tl.load(tables + S + s)
        ends_s = ends + tl.load(tables + 2 * S + s)
        start = tl.load(ends_s + m - 1, mask=m > 0, other=0)
        high = tl.load(ends_s + m)
        if BY_LINES:
            x_row, x_col = (x_at // I).to(tl.int32), (x_at % I).to(tl.int32) + i0
            y_row, y_col = (y_at // O).to(tl.int32), (y_at % O).to(tl.int32) + o0
            whole = start + (high - start) // ROWS * ROWS
            for r in range(start, whole, ROWS):
                acc = tl.dot(
                    x_lines.load([x_row + r, x_col]).T, y_lines.load([y_row + r, y_col]), acc, input_precision=PRECISION
                )
            start = whole
        x_s, y_s = x + tl.multiple_of(x_at, ALIGN), y + tl.multiple_of(y_at, ALIGN)
        for r in range(start, high, ROWS):
            rows = r + tl.arange(0, ROWS)
            ok = (rows < high)[:, None]
            rows = rows.to(tl.int64)[:, None]
            a = tl.load(x_s + rows * I + i_at[None, :], mask=ok, other=0.0)
            b = tl.load(y_s + rows * O + o_at[None, :], mask=ok, other=0.0)
            acc = tl.dot(tl.trans(a), b, acc, input_precision=PRECISION)
    place = out + m.to(tl.int64) * I * O + i[:, None].to(tl.int64) * O + o[None, :]
    tl.store(place, acc.to(out.dtype.element_ty), mask=(i < I)[:, None] & (o < O)[None, :])


def _lowest(tensors: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """The tensor of the lowest address, and how far from it each begins, in elements."""
    first = min(tensors, key=lambda t: t.data_ptr())
    return first, [(t.data_ptr() - first.data_ptr()) // first.element_size() for t in tensors]


def _table(numbers: Sequence[int], beside: Tensor) -> Tensor:
    """[n] on the device of another tensor.

    A CUDA graph that copies from the host would copy again at each replay, when the host may keep something else
    there: while one is recorded, every number is written by the device.
    """
    if not (beside.is_cuda and torch.cuda.is_current_stream_capturing()):
        return torch.tensor(numbers, pin_memory=beside.is_cuda).to(beside.device, non_blocking=True)
    made = torch.empty(len(numbers), dtype=torch.int64, device=beside.device)
    for place, number in enumerate(numbers):
        made[place].fill_(number)
    return made


def _tile(rows: int, modules: int) -> dict[str, int]:
    each = rows / modules
    return MANY if each >= MANY_ROWS else POINTERS if each >= FEW_ROWS else FEW


def _by_lines(tensors: Sequence[Tensor], tile: dict[str, int], I: int, O: int) -> bool:
    """Whether the accelerator can load the rows: no tile reaches over the end of a row, and all are aligned."""
    x = tensors[0]
    suits = x.element_size() == 2 and I % tile["INNER"] == 0 and O % tile["OUTER"] == 0
    device = not x.is_cuda or torch.cuda.get_device_capability(x.device) >= (9, 0)
    return suits and device and all(t.data_ptr() % 16 == 0 for t in tensors)


@operator("rows_outer_joined")
def rows_outer_joined(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Tensor:
    """xs [N, I], ys [N, O] and ends [M] of each step: [M, I, O]."""
    xs, ys, ends = ([t.contiguous() for t in each] for each in (xs, ys, ends))
    (I, O), M, S = (xs[0].shape[1], ys[0].shape[1]), ends[0].shape[0], len(xs)
    (x, x_at), (y, y_at), (end, end_at) = _lowest(xs), _lowest(ys), _lowest(ends)
    table = _table([*x_at, *y_at, *end_at], x)
    out = x.new_empty((M, I, O))
    tile = _tile(xs[0].shape[0], M)
    by_lines = _by_lines((*xs, *ys), tile, I, O)
    tile = tile if by_lines else POINTERS
    lines = [
        TensorDescriptor(first, [2**31 - 1, 2 * width], [width, 1], [tile["ROWS"], tile[block]]) if by_lines else first
        for first, width, block in ((x, I, "INNER"), (y, O, "OUTER"))
    ]
    aligned = all(t.data_ptr() % 16 == 0 for t in (*xs, *ys))
    _outer[(triton.cdiv(I, tile["INNER"]) * triton.cdiv(O, tile["OUTER"]), M)](
        *lines, x, y, end, table, out, I, O, S,
        ALIGN=16 // out.element_size() if aligned else 1, BY_LINES=by_lines,
        PRECISION="ieee" if out.dtype == torch.float32 else "tf32", **tile,
    )  # fmt: skip
    return out


@shapes_of(rows_outer_joined)
def _(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Any:
    return xs[0].new_empty((ends[0].shape[0], xs[0].shape[1], ys[0].shape[1]))
