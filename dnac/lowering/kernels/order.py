"""`dnac::count_rows`: the stable order of rows by module, by counting, in two short kernels.

A routing step sorts many rows by few keys. A block of rows counts its own per module; then each block
adds up the counts of those before it and places its rows. It replaces a sort, a scatter and a search.

N rows, R modules that run, in the order of the banks; rows of none come last.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from dnac.lowering.device import constant
from dnac.lowering.operators import operator, shapes_of
from dnac.lowering.rows import Order, ranks_of, sort_rows

BLOCK, CHUNK = 128, 64
MOST = 2**16
"""Counts of all blocks, each of which every block reads; for more, a sort is the better way."""


@triton.jit
def _key(ids, ranks, rows, N, SLOTS):
    slot = tl.load(ids + rows, mask=rows < N, other=-1)
    return tl.load(ranks + tl.where(slot < 0, SLOTS, slot)).to(tl.int32)


@triton.jit
def _count(ids, ranks, counts, N, SLOTS, ROWS: tl.constexpr, KEYS: tl.constexpr):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    key = tl.where(rows < N, _key(ids, ranks, rows, N, SLOTS), -1)
    keys = tl.arange(0, KEYS)
    found = tl.sum((key[:, None] == keys[None, :]).to(tl.int32), 0)
    tl.store(counts + tl.program_id(0) * KEYS + keys, found)


@triton.jit
def _place(
    ids, ranks, counts, order, inverse, bounds, sorted_ranks, N, SLOTS, R, BLOCKS,
    ROWS: tl.constexpr, KEYS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    block = tl.program_id(0)
    keys = tl.arange(0, KEYS)
    total, before = tl.zeros([KEYS], tl.int32), tl.zeros([KEYS], tl.int32)
    for first in range(0, BLOCKS, CHUNK):
        b = first + tl.arange(0, CHUNK)
        found = tl.load(counts + b[:, None] * KEYS + keys[None, :], mask=(b < BLOCKS)[:, None], other=0)
        total += tl.sum(found, 0)
        before += tl.sum(tl.where((b < block)[:, None], found, 0), 0)
    begin = tl.cumsum(total, 0) - total
    if block == 0:
        tl.store(bounds + keys, begin, mask=keys <= R)
    rows = block * ROWS + tl.arange(0, ROWS)
    key = _key(ids, ranks, rows, N, SLOTS)
    at = tl.sum(tl.where(key[:, None] == keys[None, :], (begin + before)[None, :], 0), 1)
    i = tl.arange(0, ROWS)
    at += tl.sum(((key[:, None] == key[None, :]) & (i[None, :] < i[:, None])).to(tl.int32), 1)
    inside = rows < N
    tl.store(inverse + rows, at.to(tl.int64), mask=inside)
    tl.store(order + at, rows.to(tl.int64), mask=inside)
    tl.store(sorted_ranks + at, key.to(tl.uint8), mask=inside)


@operator("count_rows")
def count_rows(ids: Tensor, ranks: Tensor, modules: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ids [N] of slots, -1 for none; ranks [slots + 1] uint8, the last one for none. `rows.Order`'s four."""
    N, blocks = ids.shape[0], triton.cdiv(ids.shape[0], BLOCK)
    keys = triton.next_power_of_2(modules + 1)
    made = {"device": ids.device}
    counts = torch.empty((blocks, keys), dtype=torch.int32, **made)
    order, inverse = (torch.empty(N, dtype=torch.int64, **made) for _ in range(2))
    bounds = torch.empty(modules + 1, dtype=torch.int32, **made)
    sorted_ranks = torch.empty(N, dtype=torch.uint8, **made)
    slots = ranks.shape[0] - 1
    _count[(blocks,)](ids, ranks, counts, N, slots, ROWS=BLOCK, KEYS=keys)
    _place[(blocks,)](
        ids, ranks, counts, order, inverse, bounds, sorted_ranks, N, slots, modules, blocks,
        ROWS=BLOCK, KEYS=keys, CHUNK=min(CHUNK, triton.next_power_of_2(blocks)),
    )  # fmt: skip
    return order, inverse, bounds, sorted_ranks


@shapes_of(count_rows)
def _(ids: Tensor, ranks: Tensor, modules: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    N = ids.shape[0]
    order, inverse = (ids.new_empty(N, dtype=torch.int64) for _ in range(2))
    return order, inverse, ids.new_empty(modules + 1, dtype=torch.int32), ids.new_empty(N, dtype=torch.uint8)


def counted_rows(ids_BTK: Tensor, runs: tuple[int, ...], slots: int) -> Order:
    """As `rows.sort_rows`, and by it where counting would cost more."""
    blocks = -(-ids_BTK.numel() // BLOCK)
    if len(runs) >= 256 or blocks * (len(runs) + 1) > MOST:
        return sort_rows(ids_BTK, runs, slots)
    ranks = constant(tuple(ranks_of(runs, slots)), torch.uint8, ids_BTK.device)
    return Order(*count_rows(ids_BTK.reshape(-1).to(torch.int64), ranks, len(runs)))
