"""Parameters that no gradient reaches get a gradient of zero, never None.

A pass may leave a set of weights without a reader, and a router may be trained by nothing. An
optimiser skips a parameter without gradient but decays one whose gradient is zero, so without this
the pass level would change what training does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, RouterSet
from dnac.ir.traits import owners
from dnac.kinds.base import GradKind, WeightKind
from dnac.kinds.declared import declared, key_of
from dnac.kinds.router import decode_weights, noise_weights
from dnac.lowering.survey import sets_read
from dnac.passes import facts
from dnac.schedule.instructions import Schedule


def without_gradient(graph: Graph, schedule: Schedule) -> tuple[str, ...]:
    """Keys of parameters that train and that a backward pass might not reach."""
    read = {key_of(own) for name in sets_read(schedule.instructions) for own in owners(graph, name)}
    still = {key_of(router.name) for router in graph.routers if not _surely_trained(router)}
    sets = [key_of(entry.name) for entry in (*graph.shared, *graph.modules, *graph.routers)]
    owned = {key: owner for owner in sorted(sets, key=len) for key in _keys(graph) if key.startswith(f"{owner}.")}
    beside = {
        key_of(r.name, spec.name)
        for r in graph.routers
        for weights in (decode_weights, noise_weights)
        for spec in weights(r.fields, graph.width, r.size)
    }
    return tuple(key for key, owner in owned.items() if owner not in read or owner in still or key in beside)


class Anchor(torch.autograd.Function):
    """The logits as they are; the gradient of each parameter is zero."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, *parameters: Tensor) -> Tensor:
        """`logits`, unchanged."""
        ctx.save_for_backward(*parameters)
        return logits.view_as(logits)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        """Zeros for all parameters."""
        return grads[0], *(torch.zeros_like(parameter) for parameter in ctx.saved_tensors)


def _keys(graph: Graph) -> list[str]:
    return [entry.key for entry in declared(graph) if entry.trains]


def _surely_trained(router: RouterSet) -> bool:
    """Whether the task's gradient reaches the router through its weights."""
    weight, grad = router.fields.get("weight") or Form("raw"), router.fields["grad"]
    if not isinstance(weight, Form) or not isinstance(grad, Form):
        return False
    kind: WeightKind = catalogue.get("weight", weight.name)
    through: GradKind = catalogue.get("grad", grad.name)
    return through.needs_weight and kind.trains_router(facts.chosen_per_token(router))
