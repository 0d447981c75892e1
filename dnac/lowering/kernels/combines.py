"""Back to token order: h'[t] = h[t] + sum_k w[t, k] (d1 + d2)[inverse[t, k]], and its gradient.

Forward is element-wise with a gather, which a compiler fuses with what follows. Backward is one pass
over sorted rows, `dnac::row_spread`: the rows' gradient w dh' and the weights' <dh', d>.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from dnac.lowering.operators import operator, shapes_of


@triton.jit
def _spread(
    dh, weights, first_d, second_d, order, ends, dd, dw, N, D, LAST,
    K: tl.constexpr, TWO: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    count = tl.load(ends + LAST)
    first = tl.program_id(0) * ROWS
    rows = first + tl.arange(0, ROWS)
    inside = rows < N
    place = tl.load(order + rows, mask=inside, other=0).to(tl.int64)
    if first >= count:
        tl.store(dw + place, tl.zeros([ROWS], tl.float32), mask=inside)
    else:
        cols = tl.arange(0, COLS)
        ok = (rows < count)[:, None] & (cols < D)[None, :]
        at = rows.to(tl.int64)[:, None] * D + cols[None, :]
        grad = tl.load(dh + (place // K)[:, None] * D + cols[None, :], mask=ok, other=0.0).to(tl.float32)
        made = tl.load(first_d + at, mask=ok, other=0.0).to(tl.float32)
        if TWO:
            made += tl.load(second_d + at, mask=ok, other=0.0).to(tl.float32)
        tl.store(dw + place, tl.sum(grad * made, 1), mask=inside)
        weight = tl.load(weights + place, mask=rows < count, other=0.0).to(tl.float32)
        tl.store(dd + at, (grad * weight[:, None]).to(dd.dtype.element_ty), mask=ok)


@operator("row_spread")
def row_spread(
    dh: Tensor, weights: Tensor, d1: Tensor, d2: Tensor | None, order: Tensor, ends: Tensor
) -> tuple[Tensor, Tensor]:
    """dh [T', D], weights [T', K], d1 and d2 [N, D] -> gradients of each d [N, D] and of weights [T', K]."""
    (N, D), K = d1.shape, weights.shape[1]
    dd = torch.empty_like(d1)
    dw = torch.empty(weights.shape, dtype=torch.float32, device=dh.device)
    cols = triton.next_power_of_2(D)
    rows = max(1, 4096 // cols)
    _spread[(triton.cdiv(N, rows),)](
        dh.contiguous(), weights.contiguous(), d1, d1 if d2 is None else d2, order, ends,
        dd, dw, N, D, ends.shape[0] - 1,
        K=K, TWO=d2 is not None, ROWS=rows, COLS=cols,
    )  # fmt: skip
    return dd, dw


@shapes_of(row_spread)
def _(dh: Tensor, weights: Tensor, d1: Tensor, d2: Tensor | None, order: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(d1), torch.empty(weights.shape, dtype=torch.float32, device=dh.device)


class _Combined(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        stream: Tensor,
        weights: Tensor,
        d1: Tensor,
        d2: Tensor | None,
        order: Tensor,
        inverse: Tensor,
        ends: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(weights, d1, d2, order, ends)
        K = weights.shape[1]
        wide = torch.promote_types(stream.dtype, torch.float32)
        live = inverse < ends[-1]
        place = torch.where(live, inverse, 0)
        made = d1[place].to(wide) if d2 is None else d1[place].to(wide) + d2[place].to(wide)
        made = torch.where(live[:, None], made * weights.flatten()[:, None], 0)
        made = made if K == 1 else made.unflatten(0, (-1, K)).sum(1)
        made = stream.to(wide) + made
        # torch 2.11, compiled: a function that ends in a cast to the type that is there already has no gradients at all
        return made if wide == stream.dtype else made.to(stream.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        weights, d1, d2, order, ends = ctx.saved_tensors
        dd, dw = row_spread(grads[0], weights, d1, d2, order, ends)
        return grads[0], dw.to(weights.dtype), dd, None if d2 is None else dd, None, None, None


def combined(
    stream: Tensor, weights: Tensor, made: tuple[Tensor, ...], order: Tensor, inverse: Tensor, ends: Tensor
) -> Tensor:
    """stream [T', D] plus the weighted increments of its tokens' rows; weights [T', K], each of made [N, D]."""
    *early, last = made
    first = sum(early[1:], early[0]) if early else last
    return _Combined.apply(stream, weights, first, last if early else None, order, inverse, ends)
