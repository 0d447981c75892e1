"""`dnac::exact_mm`: a matrix product in the full precision of its dtype.

Where x came in bfloat16, `narrow_product` gives the same on tensor cores: a float32 is the sum of three
bfloat16 numbers, so x times each of the three is exact, and sums are float32.

TensorFloat-32 is a process-wide switch that a traced program cannot turn; routers need float32 to
mean float32, or two programs choose differently. So on CUDA the product is one operator that turns
the switch off for itself. Elsewhere it is the plain product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dnac.lowering.operators import operator, shapes_of


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


def narrow_product(x: Tensor, weight: Tensor) -> Tensor:
    """x [..., I] bfloat16 times weight [I, O] float32, in float32."""
    return _Narrow.apply(x.reshape(-1, x.shape[-1]), weight).unflatten(0, x.shape[:-1])


@operator("wide_mm")
def wide_mm(x: Tensor, weight: Tensor) -> Tensor:
    """The product of two bfloat16 matrices, [N, I] and [I, O], in float32."""
    return torch.mm(x, weight, out_dtype=torch.float32) if x.is_cuda else x.float() @ weight.float()


@shapes_of(wide_mm)
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty((x.shape[0], weight.shape[1]), dtype=torch.float32)


class _Narrow(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return wide_mm(x, torch.cat(_thirds(_padded(weight)), dim=1)).unflatten(1, (3, -1)).sum(1)[:, : weight.shape[1]]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        high, low, lowest = _thirds(_padded(grads[0]))
        first, second, _ = _thirds(_padded(weight))
        # dx leaves in bfloat16: two parts of each factor are more than it can hold
        dx = torch.cat((high, low, high), dim=1) @ torch.cat((first, first, second), dim=1).t()
        dweight = wide_mm(x.t(), torch.cat((high, low, lowest), dim=1)).unflatten(1, (3, -1)).sum(1)
        return dx, dweight[:, : weight.shape[1]]


def _padded(x: Tensor) -> Tensor:
    """Columns of zeros up to a multiple of 8: products of other widths run on slow kernels."""
    return F.pad(x, (0, -x.shape[1] % 8))


def _thirds(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three bfloat16 tensors whose sum is x, float32, to its last bit but one."""
    high = x.to(torch.bfloat16)
    rest = x - high.float()
    low = rest.to(torch.bfloat16)
    return high, low, (rest - low.float()).to(torch.bfloat16)
