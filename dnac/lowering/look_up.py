"""`dnac::table_gradient`: what an embedding's table gets back, in an order of its own, the same on every run.

A compiler makes the gradient of a look-up by atomic additions, whose order differs from run to run and
with it the last bits. ATen's own kernel sorts the ids first; as one operator, a compiler leaves it alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dnac.lowering.operators import operator, shapes_of


@operator("table_gradient")
def table_gradient(grad: Tensor, ids: Tensor, rows: int) -> Tensor:
    """Per row of the table, the sum of grad [..., D] over the places where ids [...] name it: [rows, D]."""
    return torch.ops.aten.embedding_dense_backward(grad, ids, rows, -1, False)


@shapes_of(table_gradient)
def _(grad: Tensor, ids: Tensor, rows: int) -> Tensor:
    return grad.new_empty((rows, grad.shape[-1]))


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.rows = table.shape[0]
        return functional.embedding(ids, table)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (ids,) = ctx.saved_tensors
        return table_gradient(grads[0].contiguous(), ids, ctx.rows), None


def looked_up(table: Tensor, ids: Tensor) -> Tensor:
    """The rows of table [V, D] that ids [...] name: [..., D]."""
    return _LookUp.apply(table, ids)
