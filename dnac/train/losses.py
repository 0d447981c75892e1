"""The task loss: cross entropy of next tokens or of classes, with label smoothing.

Shapes: B sequences, T tokens, V outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dnac.data.base import IGNORED
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Tap
from dnac.ir.traits import unrolled
from dnac.lowering import cuda_graphs as recording
from dnac.lowering.base import Output
from dnac.lowering.taps import taps_in_turns


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


def tap_weights(graph: Graph) -> tuple[tuple[float | Form, ...], ...]:
    """What the loss of each of `Output.taps` counts: at train step s the one at s modulo their number. Taps that take
    turns are one of them together.
    """
    taps = [node for node in unrolled(graph.nodes) if isinstance(node, Tap)]
    return tuple((*(tap.weight for tap in some), *[0.0] * (some[0].every - len(some))) for some in taps_in_turns(taps))


def whole_loss(
    output: Output,
    targets: Tensor,
    *,
    label_smoothing: float,
    count: int,
    summed: Summed | None = None,
    weights: Sequence[float | Tensor] | None = None,
) -> Tensor:
    """`task_loss` of a network's outputs, with the losses of its taps. A tap that takes a share of each token's loss
    leaves so much less of it to the outputs of the net. `weights`: what the taps count at present, where schedules say
    so; else as at the start.
    """
    shares = [tap.share for tap in output.taps if tap.share is not None]
    if not shares:
        total = task_loss(output.logits, targets, label_smoothing=label_smoothing, count=count, summed=summed)
    else:
        total = _shared(output.logits, targets, 1 - sum(shares[1:], shares[0]), label_smoothing) / max(count, 1)
    for tap, weight in zip(output.taps, weights or [tap.weight for tap in output.taps], strict=True):
        if tap.share is None:
            loss = (summed or summed_loss)(tap.logits, targets, label_smoothing)
        else:
            loss = _shared(tap.logits, targets, tap.share, label_smoothing)
        weight = weight.to(loss.dtype) if isinstance(weight, Tensor) else weight
        total = total + weight * loss / max(count, 1)
    return total


def _shared(logits: Tensor, targets: Tensor, share: Tensor, label_smoothing: float) -> Tensor:
    """The sum of cross entropies, each times its token's share [B, T]; of an image the mean over its tokens."""
    each = losses_of(logits, targets, label_smoothing)
    return (each * (share if targets.dim() == 2 else share.mean(-1)).reshape(-1)).sum()


def losses_of(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """The cross entropy of each target, [B T] of texts or [B] of images, in float32 or wider; 0 where none counts."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return cross_entropy(
        wide.reshape(-1, wide.shape[-1]),
        targets.reshape(-1),
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
        reduction="none",
    )


def compiled_loss(*, cuda_graphs: bool = False) -> Summed:
    """`summed_loss` as training compiles it."""
    options: Any = recording.options({}, cuda_graphs=cuda_graphs)
    return torch.compile(summed_loss, fullgraph=True, dynamic=False, options=options)


def warm_loss(logits: Tensor, label_smoothing: float, *, cuda_graphs: bool = False) -> None:
    """Leave the compiled loss for such logits, forward and backward, in the compiler's cache."""
    targets = torch.zeros(logits.shape[:-1], dtype=torch.int64, device=logits.device)
    compiled_loss(cuda_graphs=cuda_graphs)(logits.clone().requires_grad_(), targets, label_smoothing).backward()
