"""`dnac::row_act`: an activation over live rows, and its gradient; formulas of `kinds/activation/`."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from dnac.lowering.operators import operator, shapes_of

SERVED = ("gelu", "relu", "silu", "swiglu", "geglu")
GATED = ("swiglu", "geglu")

_ROWS, _COLS = 4, 1024


@triton.jit
def act(x, KIND: tl.constexpr):
    """(f(x), f'(x)) of relu, silu (also inside swiglu) and gelu in its tanh form (also inside geglu)."""
    if KIND == "relu":
        return tl.maximum(x, 0.0), tl.where(x > 0, 1.0, 0.0)
    elif KIND == "silu" or KIND == "swiglu":
        s = tl.sigmoid(x)
        return x * s, s * (1 + x * (1 - s))
    else:
        # (1 + tanh z) / 2 = sigmoid(2 z)
        s = tl.sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
        return x * s, s + x * s * (1 - s) * 1.5957691216057308 * (1 + 0.134145 * x * x)


@triton.jit
def _activate(u, ends, y, F, LAST, KIND: tl.constexpr, GATED: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    count = tl.load(ends + LAST)
    first = tl.program_id(0) * ROWS
    if first < count:
        rows = tl.minimum(first + tl.arange(0, ROWS), count - 1).to(tl.int64)[:, None]
        cols = (tl.program_id(1) * COLS + tl.arange(0, COLS))[None, :]
        ok = (rows >= 0) & (cols < F)
        wide = 2 * F if GATED else F
        value, _ = act(tl.load(u + rows * wide + cols, mask=ok, other=0.0).to(tl.float32), KIND)
        if GATED:
            value *= tl.load(u + rows * wide + F + cols, mask=ok, other=0.0).to(tl.float32)
        tl.store(y + rows * F + cols, value.to(y.dtype.element_ty), mask=ok)


@triton.jit
def _activate_du(
    dy, u, ends, du, F, LAST, KIND: tl.constexpr, GATED: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr
):
    count = tl.load(ends + LAST)
    first = tl.program_id(0) * ROWS
    if first < count:
        rows = tl.minimum(first + tl.arange(0, ROWS), count - 1).to(tl.int64)[:, None]
        cols = (tl.program_id(1) * COLS + tl.arange(0, COLS))[None, :]
        ok = (rows >= 0) & (cols < F)
        wide = 2 * F if GATED else F
        value, slope = act(tl.load(u + rows * wide + cols, mask=ok, other=0.0).to(tl.float32), KIND)
        grad = tl.load(dy + rows * F + cols, mask=ok, other=0.0).to(tl.float32)
        if GATED:
            other = tl.load(u + rows * wide + F + cols, mask=ok, other=0.0).to(tl.float32)
            tl.store(du + rows * wide + F + cols, (grad * value).to(du.dtype.element_ty), mask=ok)
            grad *= other
        tl.store(du + rows * wide + cols, (grad * slope).to(du.dtype.element_ty), mask=ok)


def _grid(rows: int, width: int) -> tuple[int, int]:
    return triton.cdiv(rows, _ROWS), triton.cdiv(width, _COLS)


@operator("row_act")
def row_act(u: Tensor, ends: Tensor, kind: str) -> Tensor:
    """u [N, F] (gated: [N, 2 F], gate half first) to [N, F]."""
    width = u.shape[1] // (2 if kind in GATED else 1)
    y = u.new_empty((u.shape[0], width))
    _activate[_grid(*y.shape)](
        u, ends, y, width, ends.shape[0] - 1, KIND=kind, GATED=kind in GATED, ROWS=_ROWS, COLS=_COLS
    )
    return y


@operator("row_act_du")
def row_act_du(dy: Tensor, u: Tensor, ends: Tensor, kind: str) -> Tensor:
    """Gradient of u."""
    du = torch.empty_like(u)
    width = dy.shape[1]
    _activate_du[_grid(*dy.shape)](
        dy.contiguous(), u, ends, du, width, ends.shape[0] - 1, KIND=kind, GATED=kind in GATED, ROWS=_ROWS, COLS=_COLS
    )
    return du


@shapes_of(row_act)
def _(u: Tensor, ends: Tensor, kind: str) -> Tensor:
    return u.new_empty((u.shape[0], u.shape[1] // (2 if kind in GATED else 1)))


@shapes_of(row_act_du)
def _(dy: Tensor, u: Tensor, ends: Tensor, kind: str) -> Tensor:
    return torch.empty_like(u)


class _Activated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, ends: Tensor, kind: str) -> Tensor:
        ctx.save_for_backward(u, ends)
        ctx.kind = kind
        return row_act(u, ends, kind)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        u, ends = ctx.saved_tensors
        return row_act_du(grads[0], u, ends, ctx.kind), None, None


def activated(u: Tensor, ends: Tensor, kind: str) -> Tensor:
    """The activation of live rows, with its gradient. Dead rows: undefined."""
    return _Activated.apply(u, ends, kind)
