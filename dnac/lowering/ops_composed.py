"""The larger operations of `Ops`, written with the small ones: what they mean, wherever nothing fuses them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from dnac.ir.form import Form
from dnac.kinds.words import word


class ComposedOps(ABC):
    """Products and norms are the lowering's; what is made of them is here."""

    @abstractmethod
    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Ops`."""

    @abstractmethod
    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """See `Ops`."""

    def normed_linear(self, x: Tensor, kind: Form, weights: Mapping[str, Tensor], name: str) -> Tensor:
        """The norm by `kind` and the gain `norm`, then the weight `name` and its bias."""
        normed = self.norm(x, kind, weights.get("norm"))
        return self.linear(normed, weights[name], weights.get(f"{name}_bias"))

    def look_up(self, table: Tensor, ids: Tensor) -> Tensor:
        """Rows of a table."""
        return functional.embedding(ids, table)

    def activate(self, x: Tensor, kind: Form) -> Tensor:
        """The activation as its kind writes it."""
        return word("activation", kind).activate(x)

    def feed_forward(self, x: Tensor, norm: Form, weights: Mapping[str, Tensor], activation: Form) -> Tensor:
        """Up, activation, down."""
        inner = self.activate(self.normed_linear(x, norm, weights, "up"), activation)
        return self.linear(inner, weights["down"], weights.get("down_bias"))


class OneModuleOps(ComposedOps):
    """Products and norms of rows [..., D] that all go through one module: its weights have no axis of modules."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """[..., I] times [I, O], plus the bias."""
        y = torch.matmul(x, weight)
        return y if bias is None else y + bias.to(y.dtype)

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """The norm over the last axis, times the gain."""
        normalise = word("norm", kind).normalise
        y = x if normalise is None else normalise(x)
        return y if gain is None else y * gain.to(y.dtype)

    def own(self, x: Tensor, values: Tensor) -> Tensor:
        """x [..., D] times the vector."""
        return x * values.to(x.dtype)
