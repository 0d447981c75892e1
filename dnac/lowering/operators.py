"""How our kernels become torch operators: a schema from the function's annotations, and no more in between.

`torch.library.custom_op` wraps every call in checks that cost more time on the host than a short
kernel takes on the device. These operators have no gradients of their own: functions around them do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def operator(name: str) -> Callable[[Callable[..., Any]], Any]:
    """`@operator("row_norm")` makes `torch.ops.dnac.row_norm`, for CPU (under Triton's interpreter) and CUDA.

    What it returns is called like the function; `shapes_of` gives the compiler its results' shapes.
    """

    def define(function: Callable[..., Any]) -> Any:
        whole = f"dnac::{name}"
        torch.library.define(whole, torch.library.infer_schema(function, mutates_args=()))
        torch.library.impl(whole, ("cpu", "cuda"), function)
        return getattr(torch.ops.dnac, name).default

    return define


def shapes_of(made: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`@shapes_of(row_norm)`: empty results of the right shapes, for tracing."""
    return torch.library.register_fake(made.name())
