"""The routed rows of one routing step: sorted by module, and back.

Row r = (b T + t) K + k is choice k of token t of sequence b; N = B T K rows. One stable sort by
module keeps rows of a module in order of sequence and position, which is the order by
(module, sequence) with keys small enough for one byte. Modules are counted in the order of the
banks; identities, modules that no bank runs and empty choices sort last.

A bank's rows are the whole order, rolled so that its own rows come first: shapes never depend on
the routing. Rows behind them are dead: computed by no product, and masked wherever they could leak.
Where nothing is compiled and the counts are on the host anyway (`own_rows`), dead rows are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac.lowering.device import constant, is_at_hand
from dnac.lowering.gmm import group_sums


class Order(NamedTuple):
    """All rows of one routing step, sorted."""

    order: Tensor
    """[N] int64: which row stands at each sorted place."""
    inverse: Tensor
    """[N] int64: the sorted place of each row."""
    bounds: Tensor
    """[R + 1] int32: where each of the R modules begins, and where the last one ends."""
    ranks: Tensor
    """[N] the module of each sorted row, in order of the banks; R for rows of none."""


class BankRows(NamedTuple):
    """The rows as one bank of M modules sees them: its own first."""

    order: Tensor
    inverse: Tensor
    ends: Tensor
    """[M] int32: where each module's rows end."""
    module: Tensor
    """[N] int64: module of each row; of dead rows, any."""
    live: Tensor
    """[N] bool."""
    among: int | None = None
    """Where dead rows are left out: how many there are with them, and `inverse` is none of these rows'. Else None."""


def sort_rows(ids_BTK: Tensor, runs: tuple[int, ...], slots: int) -> Order:
    """One stable sort of all rows by module. `runs` are the slots that run, in order of the banks."""
    ranks = ranks_of(runs, slots)
    dtype = torch.uint8 if len(runs) < 256 else torch.int32
    device = ids_BTK.device
    keys = constant(tuple(ranks), dtype, device)[ids_BTK.clamp(min=-1).flatten()]  # -1: the last, that of none
    ordered, order = torch.sort(keys, stable=True)
    inverse = torch.empty_like(order).scatter_(0, order, torch.arange(order.shape[0], device=device))
    bounds = torch.searchsorted(ordered, torch.arange(len(runs) + 1, dtype=dtype, device=device), out_int32=True)
    return Order(order, inverse, bounds, ordered)


def ranks_of(runs: tuple[int, ...], slots: int) -> list[int]:
    """Of each slot, and of none, its place among those that run; the number of these for the others."""
    ranks = [len(runs)] * (slots + 1)
    for rank, slot in enumerate(runs):
        ranks[slot] = rank
    return ranks


def bank_rows(whole: Order, first: int, count: int) -> BankRows:
    """The rows of the bank whose modules have ranks `first` to `first + count - 1`."""
    rows = whole.order.shape[0]
    place = torch.arange(rows, device=whole.order.device)
    order, inverse, ends = whole.order, whole.inverse, whole.bounds[first + 1 : first + count + 1]
    ranks = whole.ranks
    if first:
        start = whole.bounds[first]
        order, inverse, ends = order[(place + start) % rows], (inverse - start) % rows, ends - start
        ranks = ranks[(place + start) % rows]
    # not by a search among `ends`: compiled for CUDA, torch 2.11 searches a slice from its base's start
    module = (ranks.to(torch.int64) - first).clamp(0, count - 1)
    return BankRows(order, inverse, ends.contiguous(), module, place < ends[-1])


def own_rows(whole: Order, first: int, count: int) -> BankRows:
    """`bank_rows` without dead rows, where the choices are at hand and some row is live."""
    if not is_at_hand(whole.order):
        return bank_rows(whole, first, count)
    bounds = whole.bounds[first : first + count + 1]
    start, *_, stop = bounds.tolist()
    if start == stop:
        return bank_rows(whole, first, count)  # formulas need not serve tensors without rows
    module = whole.ranks[start:stop].to(torch.int64)
    return BankRows(
        order=whole.order[start:stop],
        inverse=whole.inverse,
        ends=bounds[1:] - start if start else bounds[1:],
        module=module - first if first else module,
        live=torch.ones_like(module, dtype=torch.bool),
        among=whole.order.shape[0],
    )


class _Permute(torch.autograd.Function):
    """`x[order]`, whose gradient is `grad[inverse]`: a gather, where autograd would add into zeros."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(order, inverse)
        return x[order]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        order, inverse = ctx.saved_tensors
        return _Permute.apply(grads[0], inverse, order), None, None


class _Take(torch.autograd.Function):
    """`x[order]` of some of the rows; the others get no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        ctx.among = x.shape[0]
        return x[order]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return _Put.apply(grads[0], order, ctx.among), None


class _Put(torch.autograd.Function):
    """Rows at their places among `among`, and zeros between."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, among: int) -> Tensor:
        ctx.save_for_backward(order)
        return x.new_zeros(among, *x.shape[1:]).index_copy_(0, order, x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (order,) = ctx.saved_tensors
        return _Take.apply(grads[0], order), None, None


class _Spread(torch.autograd.Function):
    """`values[module]`, whose gradient is the sum over each module's rows, in one fixed order."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, module: Tensor, ends: Tensor) -> Tensor:
        ctx.save_for_backward(ends)
        return values[module]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (ends,) = ctx.saved_tensors
        return group_sums(grads[0], ends), None, None


def to_bank(x: Tensor, rows: BankRows) -> Tensor:
    """Values of all rows [N, ...] in the bank's order."""
    if rows.among is not None:
        return _Take.apply(x, rows.order)
    return _Permute.apply(x, rows.order, rows.inverse)


def from_bank(x: Tensor, rows: BankRows) -> Tensor:
    """Values in the bank's order [N, ...] back in the order of rows; of rows left out, zeros."""
    if rows.among is not None:
        return _Put.apply(x, rows.order, rows.among)
    return _Permute.apply(x, rows.inverse, rows.order)


def spread(values: Tensor, rows: BankRows) -> Tensor:
    """One vector per module [M, D] to one per row [N, D]; of a single module, where all rows are its own, [1, D]."""
    if rows.among is not None and values.shape[0] == 1:
        return values
    return _Spread.apply(values, rows.module, rows.ends)


def cleared(x: Tensor, rows: BankRows) -> Tensor:
    """x [N, ...] with zeros in dead rows, whatever they held; nothing to do where they are left out."""
    if rows.among is not None:
        return x
    return torch.where(rows.live.reshape(-1, *(1,) * (x.dim() - 1)), x, 0)
