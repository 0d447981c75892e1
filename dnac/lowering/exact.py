"""`dnac::exact_mm`: a matrix product in the full precision of its dtype.

TensorFloat-32 is a process-wide switch that a traced program cannot turn; routers need float32 to
mean float32, or two programs choose differently. So on CUDA the product is one operator that turns
the switch off for itself. Elsewhere it is the plain product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def exact_product(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., I] times weight [I, O], without TF32."""
    if not (x.is_cuda and x.dtype == torch.float32):
        return x @ weight
    return exact_mm(x.reshape(-1, x.shape[-1]), weight).unflatten(0, x.shape[:-1])


@torch.library.custom_op("dnac::exact_mm", mutates_args=())
def exact_mm(x: Tensor, weight: Tensor) -> Tensor:
    """x [N, I] times weight [I, O]."""
    switch = torch.backends.cuda.matmul
    before = switch.fp32_precision
    switch.fp32_precision = "ieee"
    try:
        return x @ weight
    finally:
        switch.fp32_precision = before


@exact_mm.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty((x.shape[0], weight.shape[1]))


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
    x, weight = ctx.saved_tensors
    need_x, need_weight = ctx.needs_input_grad
    return exact_mm(grad, weight.t()) if need_x else None, exact_mm(x.t(), grad) if need_weight else None


exact_mm.register_autograd(_backward, setup_context=_save)
