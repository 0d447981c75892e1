"""Weight gradients of a bank over 12 routing steps: one joined product against one a step and its additions.

N = 32 x 1024 rows a step, bf16, uniform choices. Milliseconds for all steps, medians of 8; TFLOP/s beside.
"""

from __future__ import annotations

import json

import torch
import triton
import triton.language as tl
from primitives import ms
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from dnac.lowering.kernels import outer
from dnac.lowering.products import rows_outer

N, S = 32 * 1024, 12
SHAPES = [(16, 768, 3072), (36, 1024, 4096), (36, 1024, 3072), (64, 768, 3072)]
BIG = {"ROWS": 64, "INNER": 128, "OUTER": 256, "GROUP": 3, "num_warps": 8, "num_stages": 3}
SMALL = {"ROWS": 64, "INNER": 128, "OUTER": 128, "GROUP": 3, "num_warps": 4, "num_stages": 3}
TRIED = [("pointers", BIG, False), ("pointers", BIG, True)] + [
    ("tma", tile, flatten)
    for flatten in (False, True)
    for tile in (BIG, SMALL, {**BIG, "num_stages": 4}, {**SMALL, "GROUP": 6})
]


@triton.jit
def _pointers(
    x, y, ends, tables, out, I, O, S,
    ROWS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, GROUP: tl.constexpr, FLATTEN: tl.constexpr,
):  # fmt: skip
    m, tile = tl.program_id(1), tl.program_id(0)
    down, across = tl.cdiv(I, INNER), tl.cdiv(O, OUTER)
    band = tile // (GROUP * across)
    height = tl.minimum(down - band * GROUP, GROUP)
    i = (band * GROUP + tile % (GROUP * across) % height) * INNER + tl.arange(0, INNER)
    o = (tile % (GROUP * across) // height) * OUTER + tl.arange(0, OUTER)
    acc = tl.zeros([INNER, OUTER], tl.float32)
    for s in tl.range(0, S, flatten=FLATTEN):
        x_s = x + tl.multiple_of(tl.load(tables + s), 8)
        y_s = y + tl.multiple_of(tl.load(tables + S + s), 8)
        ends_s = ends + tl.load(tables + 2 * S + s)
        low = tl.load(ends_s + m - 1, mask=m > 0, other=0)
        high = tl.load(ends_s + m)
        for r in range(low, high, ROWS):
            rows = r + tl.arange(0, ROWS)
            ok = (rows < high)[:, None]
            rows = rows.to(tl.int64)[:, None]
            a = tl.load(x_s + rows * I + i[None, :], mask=ok, other=0.0)
            b = tl.load(y_s + rows * O + o[None, :], mask=ok, other=0.0)
            acc = tl.dot(tl.trans(a), b, acc)
    place = out + m.to(tl.int64) * I * O + i[:, None].to(tl.int64) * O + o[None, :]
    tl.store(place, acc.to(out.dtype.element_ty))


@triton.jit
def _tma(
    xd, yd, x, y, ends, tables, out, I, O, S,
    ROWS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, GROUP: tl.constexpr, FLATTEN: tl.constexpr,
):  # fmt: skip
    m, tile = tl.program_id(1), tl.program_id(0)
    down, across = tl.cdiv(I, INNER), tl.cdiv(O, OUTER)
    band = tile // (GROUP * across)
    height = tl.minimum(down - band * GROUP, GROUP)
    i0 = (band * GROUP + tile % (GROUP * across) % height) * INNER
    o0 = (tile % (GROUP * across) // height) * OUTER
    i, o = i0 + tl.arange(0, INNER), o0 + tl.arange(0, OUTER)
    acc = tl.zeros([INNER, OUTER], tl.float32)
    for s in tl.range(0, S, flatten=FLATTEN):
        x_at, y_at = tl.load(tables + s), tl.load(tables + S + s)
        ends_s = ends + tl.load(tables + 2 * S + s)
        low = tl.load(ends_s + m - 1, mask=m > 0, other=0)
        high = tl.load(ends_s + m)
        x_row, x_col = (x_at // I).to(tl.int32), (x_at % I).to(tl.int32) + i0
        y_row, y_col = (y_at // O).to(tl.int32), (y_at % O).to(tl.int32) + o0
        whole = low + (high - low) // ROWS * ROWS
        for r in range(low, whole, ROWS):
            acc = tl.dot(xd.load([x_row + r, x_col]).T, yd.load([y_row + r, y_col]), acc)
        if whole < high:
            rows = whole + tl.arange(0, ROWS)
            ok = (rows < high)[:, None]
            rows = rows.to(tl.int64)[:, None]
            a = tl.load(x + tl.multiple_of(x_at, 8) + rows * I + i[None, :], mask=ok, other=0.0)
            b = tl.load(y + tl.multiple_of(y_at, 8) + rows * O + o[None, :], mask=ok, other=0.0)
            acc = tl.dot(tl.trans(a), b, acc)
    place = out + m.to(tl.int64) * I * O + i[:, None].to(tl.int64) * O + o[None, :]
    tl.store(place, acc.to(out.dtype.element_ty))


def tried(
    kind: str, xs: list[Tensor], ys: list[Tensor], ends: list[Tensor], tile: dict[str, int], flatten: bool
) -> Tensor:
    """The joined product by one of the kernels above."""
    (I, O), M = (xs[0].shape[1], ys[0].shape[1]), ends[0].shape[0]
    firsts = [min(each, key=lambda t: t.data_ptr()) for each in (xs, ys, ends)]
    tables = torch.tensor(
        [
            (t.data_ptr() - first.data_ptr()) // t.element_size()
            for first, each in zip(firsts, (xs, ys, ends), strict=True)
            for t in each
        ],
        pin_memory=True,
    ).cuda(non_blocking=True)
    out = xs[0].new_empty((M, I, O))
    grid = (triton.cdiv(I, tile["INNER"]) * triton.cdiv(O, tile["OUTER"]), M)
    if kind == "pointers":
        _pointers[grid](*firsts, tables, out, I, O, len(xs), FLATTEN=flatten, **tile)
        return out
    descriptors = [
        # rows of all steps in one picture of memory: a row may begin anywhere, so that a line is two rows long
        TensorDescriptor(first, [2**31 - 1, 2 * width], [width, 1], [tile["ROWS"], tile[size]])
        for first, width, size in ((firsts[0], I, "INNER"), (firsts[1], O, "OUTER"))
    ]
    _tma[grid](*descriptors, *firsts, tables, out, I, O, len(xs), FLATTEN=flatten, **tile)
    return out


def main() -> None:
    """Print one line for each."""
    torch.manual_seed(0)
    for M, inner, wide in SHAPES:
        ends = [torch.bincount(torch.randint(M, (N,), device="cuda"), minlength=M).cumsum(0).int() for _ in range(S)]
        xs, ys = ([torch.randn(N, w, device="cuda", dtype=torch.bfloat16) for _ in range(S)] for w in (inner, wide))
        flops = 2 * N * S * inner * wide

        def stepwise(xs: list[Tensor] = xs, ys: list[Tensor] = ys, ends: list[Tensor] = ends) -> Tensor:
            total = rows_outer(xs[0], ys[0], ends[0])
            for x, y, e in zip(xs[1:], ys[1:], ends[1:], strict=True):
                total = total + rows_outer(x, y, e)
            return total

        wanted = sum(rows_outer(x, y, e).float() for x, y, e in zip(xs, ys, ends, strict=True))
        shape = {"M": M, "I": inner, "O": wide}
        taken = ms(stepwise, 8)
        print(json.dumps({**shape, "stepwise": taken, "TFLOP/s": round(flops / taken / 1e9)}), flush=True)
        taken = ms(lambda xs=xs, ys=ys, ends=ends: outer.rows_outer_joined(xs, ys, ends), 8)
        print(json.dumps({**shape, "joined": taken, "TFLOP/s": round(flops / taken / 1e9)}), flush=True)
        for kind, tile, flatten in TRIED:
            run = lambda xs=xs, ys=ys, ends=ends, k=kind, t=tile, f=flatten: tried(k, xs, ys, ends, t, f)
            try:
                wrong = float((run() - wanted).abs().max() / wanted.abs().max())
                taken = ms(run, 8)
                found = {"ms": taken, "TFLOP/s": round(flops / taken / 1e9), "error": wrong}
            except Exception as error:
                found = {"failed": f"{type(error).__name__}: {error}"[:100]}
            print(json.dumps({**shape, "by": kind, "flat": flatten, "tile": list(tile.values()), **found}), flush=True)


if __name__ == "__main__":
    main()
