"""`distill(on = residuals)`: routers learn which layers a token can do without, from what a teacher's layers do.

    ratio[s, t] = |d_s| / |x_s|     x: the stream in front of the teacher's module s, d: the increment of all its parts

(Radial Networks, arXiv 2404.04900, profile these ratios; that routers learn from them is ours.) S modules and routing
steps, B sequences, T tokens, M candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dnac.ir.graph import Apply, Graph
from dnac.ir.traits import unrolled
from dnac.lowering.base import StepRecord
from dnac.train.routing import routing_steps


class Ratios:
    """How much each module changed the stream of each token in one forward pass. Give it to a call as `watch`."""

    def __init__(self) -> None:
        self._found: list[Tensor] = []
        self._seen: list[tuple[str, tuple[str, ...], str]] = []
        """The parts of the present module so far."""
        self._stream, self._change = torch.ones(()), torch.zeros(())

    def __call__(self, site: str, modules: tuple[str, ...], part: str, x: Tensor, d: Tensor, rows: object) -> None:
        """One part of a module; the first of a module says what stands in front of it."""
        here = site, modules, part
        if self._seen and (here in self._seen or here[:2] != self._seen[-1][:2]):
            self._close()
        if not self._seen:
            self._stream = _norm(x).clamp(min=1e-30)
        self._change = self._change + d.float()
        self._seen.append(here)

    def stacked(self) -> Tensor:
        """[S, B, T] float32, in the order in which the modules ran."""
        self._close()
        return torch.stack(self._found)

    def _close(self) -> None:
        if self._seen:
            self._found.append(_norm(self._change) / self._stream)
        self._seen, self._change = [], torch.zeros_like(self._stream[..., None])


def worth_running(ratios: Tensor, counted: Tensor, skip: float) -> Tensor:
    """[S, B, T] bool: the pairs of counted [B, T] tokens whose ratio is not among the `skip` smallest."""
    known = ratios[counted.expand_as(ratios)]
    if not known.numel():
        return torch.ones_like(ratios, dtype=torch.bool)
    return ratios > known.kthvalue(max(1, round(skip * known.numel()))).values


def blame(record: Sequence[StepRecord], skips: Sequence[Sequence[int]], kept: Tensor, counted: Tensor) -> Tensor:
    """Mean over steps of the cross-entropy of 1 - (gates of the identities) and `kept`, summed over counted tokens."""
    total = torch.zeros((), dtype=torch.float32, device=kept.device)
    for made, slots, wanted in zip(record, skips, kept, strict=True):
        skipped = made.gates[..., list(slots)].sum(-1)
        edge = torch.finfo(skipped.dtype).eps
        chance = torch.where(wanted, 1 - skipped, skipped).clamp(min=edge)
        total = total - torch.where(counted, chance.log(), 0).sum()
    return total / len(record)


def layers_differ(teacher: Graph, graph: Graph) -> str:
    """Why the modules of a teacher cannot stand for the routing steps of a net; empty where they can."""
    steps, modules = routing_steps(graph), sum(isinstance(node, Apply) for node in unrolled(teacher.nodes))
    if not steps:
        return "the net has none"
    if routing_steps(teacher):
        return "the teacher has routers"
    if modules != len(steps):
        return f"{modules} modules, and {len(steps)} steps"
    bare = next((step.site for step in steps if not step.skips), None)
    return "" if bare is None else f"`{bare}` has no identity"


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x.float(), dim=-1)
