"""`dnac::row_norm`: gather the stream's rows, add the increments so far, and normalise, in one pass; then the product.

    x[r] = stream[order[r] // K] + added[r]        y[r] = (x[r] - mean[r]) rstd[r]

with mean = 0 for `rms`. The sum is never written: the backward pass makes it again. The gain is not
here; it is folded into the weight that follows.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from dnac.lowering.kernels.tiles import product
from dnac.lowering.operators import operator, shapes_of
from dnac.lowering.products import rows_outer

EPSILON = 1e-5
"""As in `kinds/norm/rms.py` and `layer.py`."""
SERVED = ("rms", "layer", "none")


@triton.jit
def _joined(stream, added, order, rows, cols, ok, D, K: tl.constexpr, HAS_ADDED: tl.constexpr):
    token = tl.load(order + rows, mask=rows >= 0, other=0).to(tl.int64) // K
    x = tl.load(stream + token[:, None] * D + cols[None, :], mask=ok, other=0.0).to(tl.float32)
    if HAS_ADDED:
        at = rows.to(tl.int64)[:, None] * D + cols[None, :]
        x += tl.load(added + at, mask=ok, other=0.0).to(tl.float32)
    return x


@triton.jit
def _norm(
    stream, added, order, ends, y, mean, rstd, D, EPS, LAST,
    K: tl.constexpr, HAS_ADDED: tl.constexpr, KIND: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    count = tl.load(ends + LAST)
    first = tl.program_id(0) * ROWS
    if first < count:
        rows = first + tl.arange(0, ROWS)
        rows = tl.minimum(rows, count - 1)
        cols = tl.arange(0, COLS)
        ok = (rows >= 0)[:, None] & (cols < D)[None, :]
        x = _joined(stream, added, order, rows, cols, ok, D, K, HAS_ADDED)
        if KIND == "layer":
            centre = tl.sum(x, 1) / D
            x = tl.where(ok, x - centre[:, None], 0.0)
            tl.store(mean + rows, centre)
        if KIND != "none":
            scale = tl.rsqrt(tl.sum(x * x, 1) / D + EPS)
            tl.store(rstd + rows, scale)
            x = x * scale[:, None]
        tl.store(y + rows.to(tl.int64)[:, None] * D + cols[None, :], x.to(y.dtype.element_ty), mask=ok)


@triton.jit
def _norm_dx(
    dy, stream, added, order, ends, mean, rstd, plus, dx, y, both, D, LAST,
    K: tl.constexpr, HAS_ADDED: tl.constexpr, HAS_PLUS: tl.constexpr, KIND: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    count = tl.load(ends + LAST)
    first = tl.program_id(0) * ROWS
    if first < count:
        rows = first + tl.arange(0, ROWS)
        rows = tl.minimum(rows, count - 1)
        cols = tl.arange(0, COLS)
        ok = (rows >= 0)[:, None] & (cols < D)[None, :]
        at = rows.to(tl.int64)[:, None] * D + cols[None, :]
        grad = tl.load(dy + at, mask=ok, other=0.0).to(tl.float32)
        x = _joined(stream, added, order, rows, cols, ok, D, K, HAS_ADDED)
        if KIND != "none":
            scale = tl.load(rstd + rows)
            if KIND == "layer":
                x = x - tl.load(mean + rows)[:, None]
            x = tl.where(ok, x * scale[:, None], 0.0)
            along = tl.sum(grad * x, 1) / D
            shift = grad - x * along[:, None]
            if KIND == "layer":
                shift -= (tl.sum(grad, 1) / D)[:, None]
            grad = shift * scale[:, None]
        tl.store(y + at, x.to(y.dtype.element_ty), mask=ok)
        tl.store(dx + at, grad.to(dx.dtype.element_ty), mask=ok)
        if HAS_PLUS:
            grad += tl.load(plus + at, mask=ok, other=0.0).to(tl.float32)
            tl.store(both + at, grad.to(both.dtype.element_ty), mask=ok)


def _sizes(D: int) -> dict[str, int]:
    cols = triton.next_power_of_2(D)
    return {"ROWS": max(1, 4096 // cols), "COLS": cols, "num_warps": 8 if cols >= 2048 else 4}


@operator("row_norm")
def row_norm(
    stream: Tensor, added: Tensor | None, order: Tensor, ends: Tensor, K: int, kind: str, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """stream [T', D], added [N, D] or None, order [N] -> y [N, D] in `dtype`, mean and rstd [N] float32."""
    N, D = order.shape[0], stream.shape[1]
    y = torch.empty((N, D), dtype=dtype, device=stream.device)
    mean, rstd = (torch.empty(N, dtype=torch.float32, device=stream.device) for _ in range(2))
    sizes = _sizes(D)
    _norm[(triton.cdiv(N, sizes["ROWS"]),)](
        stream, stream if added is None else added, order, ends, y, mean, rstd, D, EPSILON, ends.shape[0] - 1,
        K=K, HAS_ADDED=added is not None, KIND=kind, **sizes,
    )  # fmt: skip
    return y, mean, rstd


@operator("row_norm_dx")
def row_norm_dx(
    dy: Tensor,
    stream: Tensor,
    added: Tensor | None,
    order: Tensor,
    ends: Tensor,
    mean: Tensor,
    rstd: Tensor,
    K: int,
    kind: str,
    plus: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of x [N, D], in the stream's type; y once more, so that nobody need keep it; and the
    gradient with `plus` [N, D] added (empty without it).
    """
    N, D = dy.shape
    dx, y = torch.empty((N, D), dtype=stream.dtype, device=stream.device), torch.empty_like(dy)
    both = dx.new_empty(0) if plus is None else torch.empty_like(plus)
    sizes = _sizes(D)
    _norm_dx[(triton.cdiv(N, sizes["ROWS"]),)](
        dy.contiguous(), stream, stream if added is None else added, order, ends, mean, rstd,
        dy if plus is None else plus, dx, y, both, D, ends.shape[0] - 1,
        K=K, HAS_ADDED=added is not None, HAS_PLUS=plus is not None, KIND=kind, **sizes,
    )  # fmt: skip
    return dx, y, both


@shapes_of(row_norm)
def _(
    stream: Tensor, added: Tensor | None, order: Tensor, ends: Tensor, K: int, kind: str, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    N = order.shape[0]
    wide = {"dtype": torch.float32}
    return stream.new_empty((N, stream.shape[1]), dtype=dtype), stream.new_empty(N, **wide), stream.new_empty(N, **wide)


@shapes_of(row_norm_dx)
def _(dy: Tensor, stream: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    dx = torch.empty_like(dy, dtype=stream.dtype)
    return dx, torch.empty_like(dy), dx.new_empty(0) if rest[-1] is None else torch.empty_like(rest[-1])


class _NormedProduct(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        stream: Tensor,
        added: Tensor | None,
        weight: Tensor,
        order: Tensor,
        inverse: Tensor,
        ends: Tensor,
        tiles: Tensor | None,
        K: int,
        kind: str,
    ) -> Tensor:
        y, mean, rstd = row_norm(stream, added, order, ends, K, kind, weight.dtype)
        ctx.save_for_backward(stream, added, weight, order, inverse, ends, tiles, mean, rstd)
        ctx.K, ctx.kind = K, kind
        return product(y, weight, ends, tiles)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        stream, added, weight, order, inverse, ends, tiles, mean, rstd = ctx.saved_tensors
        grad = grads[0].contiguous()
        dy = product(grad, weight, ends, tiles, turned=True)
        dx, y, _ = row_norm_dx(dy, stream, added, order, ends, mean, rstd, ctx.K, ctx.kind, None)
        dadded = None if added is None else dx.to(added.dtype)
        dweight = rows_outer(y, grad, ends)
        return back_to_tokens(dx, inverse, ends, ctx.K), dadded, dweight, *(None,) * 6


def normed_product(
    stream: Tensor,
    added: Tensor | None,
    weight: Tensor,
    order: Tensor,
    inverse: Tensor,
    ends: Tensor,
    tiles: Tensor | None,
    K: int,
    kind: str,
) -> Tensor:
    """y [N, D] times each row's weight [M, D, O], with gradients to stream, added and weight.

    The normed rows are not kept for the backward pass. Dead rows: undefined.
    """
    return _NormedProduct.apply(stream, added, weight, order, inverse, ends, tiles, K, kind)


def back_to_tokens(rows: Tensor, inverse: Tensor, ends: Tensor, K: int) -> Tensor:
    """The sum over a token's K rows, [N, D] to [N / K, D]; dead rows count as zero and are not read."""
    live = inverse < ends[-1]
    found = torch.where(live[:, None], rows[torch.where(live, inverse, 0)], 0)
    return found if K == 1 else found.unflatten(0, (-1, K)).sum(1)
