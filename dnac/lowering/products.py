"""The weights of a bank, and their gradients from sorted rows, on the device alone: no host sync.

The weight gradient is an operator of its own, `dnac::rows_outer`, so that those of one bank in several
routing steps can be found and made in one go (`joined.py`).

N rows, M modules, I and O the sizes of a weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from dnac.lowering.operators import operator, shapes_of


class BankWeights(Mapping[str, Tensor]):
    """The weights of one part of a bank: matrices in the type of the products, made once per call.

    The same object serves every routing step that uses these modules, so that a matrix is cast, and
    a gain folded into it, once per call, and their gradients come back as one sum.
    """

    def __init__(self, found: dict[str, Tensor], dtype: torch.dtype) -> None:
        self.found, self.dtype = found, dtype
        self._made: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        weight = self.found[name]
        if weight.dim() < 3 or weight.dtype == self.dtype:
            return weight
        if name not in self._made:
            self._made[name] = weight.to(self.dtype)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def folded(self, gain: str, name: str) -> Tensor:
        """`weight[m] = diag(gain[m]) weight[m]` in the type of the products."""
        if gain not in self.found:
            return self[name]
        key = f"{gain} {name}"
        if key not in self._made:
            weight = self.found[name]
            wide = torch.promote_types(weight.dtype, torch.float32)
            self._made[key] = (weight.to(wide) * self.found[gain].to(wide)[:, :, None]).to(self.dtype)
        return self._made[key]


@operator("rows_outer")
def rows_outer(x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
    """Per module, the transpose of its rows of x [N, I] times those of y [N, O]: [M, I, O]; zero without rows."""
    made = F.grouped_mm(x.t(), y, offs=ends)
    if torch.cuda.is_available() and torch.cuda.get_device_capability(x.device) >= (10, 0):
        sizes = torch.diff(ends, prepend=ends.new_zeros(1))  # newer devices leave garbage in empty groups
        made = torch.where(sizes[:, None, None] > 0, made, 0)
    return made


@shapes_of(rows_outer)
def _(x: Tensor, y: Tensor, ends: Tensor) -> Tensor:
    return x.new_empty((ends.shape[0], x.shape[1], y.shape[1]))
