"""Grouped products: each row times the matrix of its own group, as operators torch can compile.

Rows are sorted by group; `ends[m]` (int32) is where group m ends, so rows from `ends[-1]` on belong
to nobody. Such dead rows are never read, and are zero in every result: kernels leave them
uninitialised, and 0 * NaN is NaN, so each result is cleared here once and for all.

- `dnac::gmm`      x [N, I], weight [M, I, O], ends [M] -> [N, O]
- `dnac::gmm_w`    x [N, I], y [N, O], ends [M] -> [M, I, O], the sum of outer products of each group
- `dnac::gmm_w_joined`   lists of these -> [M, I, O], the sum over the lists
- `dnac::gsum`     y [N, D], ends [M] -> [M, D], the sum of each group

A group without rows gets exact zeros. Any float dtype on any device runs a loop over groups; on
CUDA that loop copies `ends` to the host. bfloat16 on CUDA with sizes that are multiples of 8 runs
ATen's `grouped_mm`, which reads `ends` on the device; so does float32 on a CPU, where it is the same loop
without Python between its products.

Where nothing is compiled, `grouped_linear` on a CPU calls the products themselves: for small nets an operator's
wrapper costs as much as its product.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dnac.lowering.device import is_at_hand
from dnac.lowering.operators import operator, shapes_of

Product = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(two factors, where each group's rows end) to a grouped product or to outer products."""


def grouped_linear(x: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """`dnac::gmm` in the dtype that autocast asks for (torch registers no autocast for such operators)."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        x, weight = x.to(dtype), weight.to(dtype)
    if not is_at_hand(x):
        return gmm(x, weight, ends)
    if weight.shape[0] == 1 and int(ends[-1]) == x.shape[0]:
        return x @ weight.squeeze(0)
    return _Rows.apply(x, weight, ends)


@torch.library.custom_op("dnac::gmm", mutates_args=())
def gmm(x: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """Each row of x [N, I] times its group's weight [M, I, O]: [N, O], dead rows zero."""
    return _rows(x, weight, ends)


def _rows(x: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    if _suits_aten(x, x.shape[1], weight.shape[2]):
        return aten_gmm(x, weight, ends)
    if _suits_cpu(x, weight.shape[1:]):
        out = F.grouped_mm(_laid_out(x), _laid_out(weight), offs=ends)
        return _cleared(out, int(ends[-1]))
    out = torch.empty((x.shape[0], weight.shape[2]), dtype=x.dtype, device=x.device)
    start = 0
    for matrix, end in zip(weight.unbind(0), ends.tolist(), strict=True):
        if end > start:
            torch.mm(x[start:end], matrix, out=out[start:end])
        start = end
    return _cleared(out, start)


def _cleared(out: Tensor, live: int) -> Tensor:
    if live < out.shape[0]:
        out[live:] = 0
    return out


@torch.library.custom_op("dnac::gmm_w", mutates_args=())
def gmm_w(x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
    """Per group, the transpose of x [N, I] times y [N, O]: [M, I, O], zero for an empty group."""
    return _outer(x, y, ends)


def _outer(x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
    if _suits_aten(x, x.shape[1], y.shape[1]):
        return aten_gmm_w(x, y, ends)
    if _suits_cpu(x, (x.shape[1], y.shape[1])):
        return F.grouped_mm(_laid_out(x).t(), _laid_out(y), offs=ends)
    out = torch.empty((ends.shape[0], x.shape[1], y.shape[1]), dtype=x.dtype, device=x.device)
    start = 0
    for group, end in zip(out.unbind(0), ends.tolist(), strict=True):
        if end > start:
            torch.mm(x[start:end].t(), y[start:end], out=group)
        else:
            group.zero_()
        start = end
    return out


@operator("gmm_w_joined")
def gmm_w_joined(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Tensor:
    """The sum of `gmm_w` over several routing steps: [M, I, O]; each module's matrix is written while it is at hand."""
    made = xs[0].new_empty((ends[0].shape[0], xs[0].shape[1], ys[0].shape[1]))
    bounds = [[0, *each.tolist()] for each in ends]
    for m, total in enumerate(made.unbind(0)):
        found = [(x[at[m] : at[m + 1]].t(), y[at[m] : at[m + 1]]) for x, y, at in zip(xs, ys, bounds, strict=True)]
        first, *others = [pair for pair in found if len(pair[1])] or found[:1]  # of no rows: zeros
        torch.mm(*first, out=total)
        for pair in others:
            total.addmm_(*pair)
    return made


@torch.library.custom_op("dnac::gsum", mutates_args=())
def gsum(y: Tensor, ends: Tensor) -> Tensor:
    """The sum of each group's rows of y [N, D]: [M, D], accumulated in float32 or wider."""
    return _sums(y, ends)


def group_sums(y: Tensor, ends: Tensor) -> Tensor:
    """`dnac::gsum`, without its operator on a CPU where nothing is compiled."""
    return _sums(y, ends) if is_at_hand(y) else gsum(y, ends)


def _sums(y: Tensor, ends: Tensor) -> Tensor:
    wide = torch.promote_types(y.dtype, torch.float32)
    if y.is_cuda:
        return summed_by_membership(y.to(wide), ends).to(y.dtype)
    bounds = [0, *ends.tolist()]
    parts = y[: bounds[-1]].split([end - start for start, end in itertools.pairwise(bounds)])
    return torch.stack([part.sum(0, dtype=wide) for part in parts]).to(y.dtype)


def summed_by_membership(y: Tensor, ends: Tensor) -> Tensor:
    """`gsum` without a host sync, as one product with who belongs to which group: the same sum on every run.

    An `index_put_` that accumulates adds rows of one group one after another: 4 ms for 16,384 of them.
    """
    row = torch.arange(y.shape[0], device=y.device, dtype=ends.dtype)
    live_N1, starts = row[:, None] < ends[-1], torch.cat([ends.new_zeros(1), ends[:-1]])
    member_MN = (row >= starts[:, None]) & (row < ends[:, None])
    with torch.autocast(y.device.type, enabled=False):  # sums keep the type that they were asked for in
        return member_MN.to(y.dtype) @ torch.where(live_N1, y, 0)


def aten_gmm(x: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """`gmm` by ATen's grouped product: dead rows are masked going in and coming out."""
    live = _live(x, ends)
    return torch.where(live, F.grouped_mm(torch.where(live, x, 0), weight, offs=ends), 0)


def aten_gmm_w(x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
    """`gmm_w` by ATen's grouped product; empty groups are cleared (some devices leave garbage there)."""
    live = _live(x, ends)
    product = F.grouped_mm(torch.where(live, x, 0).t(), torch.where(live, y, 0), offs=ends)
    sizes = torch.diff(ends, prepend=ends.new_zeros(1))
    return torch.where(sizes[:, None, None] > 0, product, 0)


def _live(x: Tensor, ends: Tensor) -> Tensor:
    return (torch.arange(x.shape[0], device=x.device) < ends[-1])[:, None]


def _suits_aten(x: Tensor, inner: int, outer: int) -> bool:
    return x.is_cuda and x.dtype == torch.bfloat16 and inner % 8 == 0 and outer % 8 == 0


def _suits_cpu(x: Tensor, sizes: Sequence[int]) -> bool:
    is_float = x.device.type == "cpu" and x.dtype == torch.float32
    return is_float and x.shape[0] > 0 and not any(size % 4 for size in sizes) and _has_grouped_on_cpu()


@cache
def _has_grouped_on_cpu() -> bool:
    """Whether this torch has `grouped_mm` for float32 on a CPU."""
    try:
        F.grouped_mm(torch.ones(4, 4), torch.ones(1, 4, 4), offs=torch.tensor([4], dtype=torch.int32))
    except (AttributeError, RuntimeError):
        return False
    return True


def _laid_out(x: Tensor) -> Tensor:
    """Rows or columns without gaps, as `grouped_mm` wants them."""
    return x if x.is_contiguous() or x.mT.is_contiguous() else x.contiguous()


# --- shapes and gradients -----------------------------------------------------------------------


@shapes_of(gmm_w_joined)
def _(xs: list[Tensor], ys: list[Tensor], ends: list[Tensor]) -> Tensor:
    return xs[0].new_empty((ends[0].shape[0], xs[0].shape[1], ys[0].shape[1]))


@gmm.register_fake
def _(x: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    return x.new_empty((x.shape[0], weight.shape[2]))


@gmm_w.register_fake
def _(x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
    return x.new_empty((ends.shape[0], x.shape[1], y.shape[1]))


@gsum.register_fake
def _(y: Tensor, ends: Tensor) -> Tensor:
    return y.new_empty((ends.shape[0], y.shape[1]))


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gmm_gradients(ctx: Any, grad: Tensor, rows: Product, outer: Product) -> tuple[Tensor | None, Tensor | None, None]:
    x, weight, ends = ctx.saved_tensors
    need_x, need_weight, _ = ctx.needs_input_grad
    return rows(grad, weight.mT, ends) if need_x else None, outer(x, grad, ends) if need_weight else None, None


def _gmm_w_gradients(ctx: Any, grad: Tensor, rows: Product) -> tuple[Tensor | None, Tensor | None, None]:
    x, y, ends = ctx.saved_tensors
    need_x, need_y, _ = ctx.needs_input_grad
    return rows(y, grad.mT, ends) if need_x else None, rows(x, grad, ends) if need_y else None, None


def _gmm_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    return _gmm_gradients(ctx, grad, gmm, gmm_w)


def _gmm_w_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    return _gmm_w_gradients(ctx, grad, gmm)


class _Rows(torch.autograd.Function):
    """`dnac::gmm` without its operator."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, ends)
        return _rows(x, weight, ends)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        return _gmm_gradients(ctx, grads[0], _Rows.apply, _Outer.apply)


class _Outer(torch.autograd.Function):
    """`dnac::gmm_w` without its operator."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
        ctx.save_for_backward(x, y, ends)
        return _outer(x, y, ends)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        return _gmm_w_gradients(ctx, grads[0], _Rows.apply)


gmm.register_autograd(_gmm_backward, setup_context=_save)
gmm_w.register_autograd(_gmm_w_backward, setup_context=_save)
