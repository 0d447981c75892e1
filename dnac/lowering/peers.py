"""Attention among peers by segments, on a CPU: the rows of one module and sequence, not all of a sequence under a mask.

A mask asks for T x T scores of every sequence, whichever module tokens chose; a segment of n rows asks for n x n.
Segments of like length are padded together, to a power of two, so that padding never doubles a length. Shapes
depend on the routing: that is why these are operators, which a compiled program calls as one.

N rows sorted by segment, live ones first; H heads, E head width, S segments of a bucket, L their padded length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac.lowering.operators import operator, shapes_of

LONG = 128
"""Rows of a sequence from which segments are cheaper than a mask: at 64 they take 5 % longer, at 256 they win."""


class Places(NamedTuple):
    """Which rows see which."""

    segment: Tensor
    """[N] int64, ascending among live rows: a number per module and sequence."""
    position: Tensor
    """[N] int64: positions in the sequence."""
    live: Tensor
    """[1] int32: how many rows are live."""
    causal: bool
    window: int


def attended(q: Tensor, k: Tensor, v: Tensor, places: Places) -> Tensor:
    """q, k and v [N, H, E] to what each row has seen of its segment [N, H, E]; dead rows zero."""
    return _Peers.apply(q, k, v, *places)


class _Peers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, *places: Any) -> Tensor:
        seen, sums = peers(q, k, v, *places)
        ctx.save_for_backward(q, k, v, seen, sums, *places[:3])
        ctx.said = places[3:]
        return seen

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        made = peers_backward(grads[0], *ctx.saved_tensors, *ctx.said)
        return *made, None, None, None, None, None


@operator("peers")
def peers(  # noqa: PLR0913 - an operator takes tensors and numbers, no bundles of them
    q: Tensor, k: Tensor, v: Tensor, segment: Tensor, position: Tensor, live: Tensor, causal: bool, window: int
) -> tuple[Tensor, Tensor]:
    """What each row has seen, and the logarithms [N, H] of its sums of exponentials."""
    seen, sums = torch.zeros_like(q), q.new_zeros(q.shape[:2], dtype=_wide(q))
    for bucket in _buckets(Places(segment, position, live, causal, window), q.dtype):
        parts = map(bucket.taken, (q, k, v))
        out, logs = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*parts, attn_mask=bucket.bias)
        bucket.put(seen, out)
        bucket.put(sums, logs)
    return seen, sums


@operator("peers_backward")
def peers_backward(  # noqa: PLR0913 - as `peers`
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    seen: Tensor,
    sums: Tensor,
    segment: Tensor,
    position: Tensor,
    live: Tensor,
    causal: bool,
    window: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v."""
    made = tuple(torch.zeros_like(x) for x in (q, k, v))
    for bucket in _buckets(Places(segment, position, live, causal, window), q.dtype):
        # padding sees itself alone, and nobody takes up its gradients
        parts = map(bucket.taken, (grad, q, k, v, seen, sums))
        found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            *parts, 0.0, False, attn_mask=bucket.bias
        )
        for total, part in zip(made, found, strict=True):
            bucket.put(total, part)
    return made  # type: ignore[return-value]


@shapes_of(peers)
def _(q: Tensor, *_others: Any) -> tuple[Tensor, Tensor]:
    return torch.empty_like(q), q.new_empty(q.shape[:2], dtype=_wide(q))


@shapes_of(peers_backward)
def _(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *_others: Any) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)


class _Bucket(NamedTuple):
    """Segments of like length."""

    at: Tensor
    """[S, L] which rows; in padding the segment's first."""
    real: Tensor
    """Places among S L that are no padding."""
    rows: Tensor
    """The rows at these places."""
    bias: Tensor
    """[S, 1, L, L] 0 where a row sees another, else -inf."""

    def taken(self, x: Tensor) -> Tensor:
        """[N, H, ...] to [S, H, L, ...]"""
        return x.index_select(0, self.at.flatten()).unflatten(0, self.at.shape).transpose(1, 2)

    def put(self, whole: Tensor, part: Tensor) -> None:
        """[S, H, L, ...] to the rows of `whole`."""
        whole.index_copy_(0, self.rows, part.transpose(1, 2).flatten(0, 1).index_select(0, self.real))


def _buckets(places: Places, dtype: torch.dtype) -> Iterator[_Bucket]:
    """All segments, by the power of two that holds their length."""
    count = int(places.live)
    _, lengths = torch.unique_consecutive(places.segment[:count], return_counts=True)
    starts = lengths.cumsum(0) - lengths
    rungs = (lengths - 1).clamp(min=1).log2().floor().to(torch.int64) + 1
    for rung in rungs.unique().tolist():
        first, length = starts[rungs == rung], lengths[rungs == rung]
        step = torch.arange(int(length.max()))
        real = step < length[:, None]
        at = torch.where(real, first[:, None] + step, first[:, None])
        where = places.position[at]
        gap = where[:, :, None] - where[:, None, :]
        visible = gap >= 0 if places.causal else torch.ones_like(gap, dtype=torch.bool)
        if places.window:
            visible = visible & (gap.abs() < places.window)
        itself = torch.eye(len(step), dtype=torch.bool)  # so that padding sees something
        visible = (visible & real[:, None, :] & real[:, :, None]) | itself
        bias = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, -torch.inf)[:, None]
        filled = real.flatten().nonzero()[:, 0]
        yield _Bucket(at, filled, at.flatten()[filled], bias)


def _wide(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)
