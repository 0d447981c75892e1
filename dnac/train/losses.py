"""The task loss: cross entropy of next tokens or of classes, with label smoothing.

Shapes: B sequences, T tokens, V outputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dnac.data.base import IGNORED


def counted(targets: Tensor) -> int:
    """How many targets count."""
    return int((targets != IGNORED).sum())


Summed = Callable[..., Tensor]


def task_loss(
    logits: Tensor, targets: Tensor, *, label_smoothing: float, count: int, summed: Summed | None = None
) -> Tensor:
    """The sum of cross entropies over targets that count, divided by `count`.

    `logits` [B, T, V] with `targets` [B, T], or [B, V] with [B]. `count` is that of the whole train
    step, so that micro-batches add up to the mean over the step whatever each of them ignores.
    Computed in float32 or wider. Smoothing gives the share evenly to all outputs (arXiv 1512.00567).
    `summed` stands for `summed_loss` where that is compiled: then no float32 copy of logits is made.
    """
    return (summed or summed_loss)(logits, targets, label_smoothing) / max(count, 1)


def summed_loss(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """The sum of cross entropies over targets that count."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return cross_entropy(
        wide.reshape(-1, wide.shape[-1]),
        targets.reshape(-1),
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
        reduction="sum",
    )


def compiled_loss() -> Summed:
    """`summed_loss` as training compiles it."""
    return torch.compile(summed_loss, fullgraph=True, dynamic=False)


def warm_loss(logits: Tensor, label_smoothing: float) -> None:
    """Leave the compiled loss for such logits, forward and backward, in the compiler's cache."""
    targets = torch.zeros(logits.shape[:-1], dtype=torch.int64, device=logits.device)
    compiled_loss()(logits.clone().requires_grad_(), targets, label_smoothing).backward()
