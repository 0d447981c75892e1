"""Types of a network's numbers under the precision of its `train` block, by their torch names."""

from __future__ import annotations

from typing import NamedTuple

from dnac import catalogue
from dnac.ir.form import Form
from dnac.kinds.base import PrecisionKind

BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


class Types(NamedTuple):
    """Who is stored how."""

    weight: str = "float32"
    """Weights, their gradients and the optimizer's moments."""
    work: str = "float32"
    """What matrix products read and write."""
    stream: str = "float32"
    """The residual stream and what is added to it."""

    @property
    def gate(self) -> str:
        """Scores, gates and the loss: the wider of float32 and the weights' type."""
        return self.weight if self.weight == "float64" else "float32"

    def size(self, who: str) -> int:
        """Bytes of one number: `weight`, `work`, `stream` or `gate`."""
        return BYTES[getattr(self, who)]


FP32 = Types()


def types_of(train: Form | None, precision: str | None = None) -> Types:
    """The types that a net trains in: `precision`, else as its `train` block says, else float32 throughout."""
    said = train.get("precision") if train else None
    kind: PrecisionKind = catalogue.get("precision", precision or (said.name if isinstance(said, Form) else "fp32"))
    return Types(kind.dtype, kind.autocast or kind.dtype, kind.stream or kind.dtype)


def batch_of(train: Form | None, tokens: int, default: int = 8) -> int:
    """Sequences of one micro-batch; `default` without a `train` block."""
    amount = train.get("batch") if train else None
    if train is None or not isinstance(amount, Form):
        return default
    number, parts = amount.get("n"), train.get("accumulate")
    sequences = number if isinstance(number, int) else default
    if amount.name == "tokens":
        sequences = round(sequences / tokens)
    return max(1, sequences // (parts if isinstance(parts, int) else 1))
