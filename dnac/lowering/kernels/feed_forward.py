"""Two products around an activation on sorted rows, with their norm, as one function with its own backward pass.

    y = norm(x)   u = y Wup   z = act(u)   d = z Wdown        x[r] = stream[order[r] // K] + added[r]

Kept for backward: stream, added, u and z; y is made again. With `joins`, the result is added + d, so
that one tensor goes back to token order, and its gradient reaches `added` inside the norm's kernel.
All four products run on tiles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac.lowering.kernels.activations import row_act, row_act_du
from dnac.lowering.kernels.norms import back_to_tokens, row_norm, row_norm_dx
from dnac.lowering.kernels.tiles import tile_product
from dnac.lowering.products import rows_outer


class Rows(NamedTuple):
    """Where sorted rows come from, and which tiles they fill (`tiles.row_tiles`)."""

    order: Tensor
    inverse: Tensor
    ends: Tensor
    tiles: Tensor


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        stream: Tensor,
        added: Tensor | None,
        up: Tensor,
        down: Tensor,
        order: Tensor,
        inverse: Tensor,
        ends: Tensor,
        tiles: Tensor,
        K: int,
        norm: str,
        activation: str,
        joins: bool,
    ) -> Tensor:
        y, mean, rstd = row_norm(stream, added, order, ends, K, norm, up.dtype)
        u = tile_product(y, up, ends, tiles, False, None)
        z = row_act(u, ends, activation)
        ctx.save_for_backward(stream, added, up, down, order, inverse, ends, tiles, mean, rstd, u, z)
        ctx.K, ctx.norm, ctx.activation, ctx.joins = K, norm, activation, joins
        return tile_product(z, down, ends, tiles, False, added if joins else None)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        stream, added, up, down, order, inverse, ends, tiles, mean, rstd, u, z = ctx.saved_tensors
        grad = grads[0].contiguous()
        du = row_act_du(tile_product(grad, down, ends, tiles, True, None), u, ends, ctx.activation)
        dy = tile_product(du, up, ends, tiles, True, None)
        plus = grad if ctx.joins else None
        dx, y, dadded = row_norm_dx(dy, stream, added, order, ends, mean, rstd, ctx.K, ctx.norm, plus)
        return (
            back_to_tokens(dx, inverse, ends, ctx.K),
            None if added is None else (dadded if ctx.joins else dx).to(added.dtype),
            rows_outer(y, du, ends),
            rows_outer(z, grad, ends),
            *(None,) * 8,
        )


def feed_forward(
    stream: Tensor,
    added: Tensor | None,
    up: Tensor,
    down: Tensor,
    rows: Rows,
    K: int,
    *,
    norm: str,
    activation: str,
    joins: bool,
) -> Tensor:
    """d [N, D], or added + d; with gradients to stream, added and both weights. Dead rows: undefined."""
    return _FeedForward.apply(stream, added, up, down, *rows, K, norm, activation, joins and added is not None)
