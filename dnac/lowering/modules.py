"""The parts of modules, looked up once, and how a module's increment is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Part
from dnac.kinds.base import ModuleKind, Ops, Site, params_of
from dnac.kinds.rates import LAYER_DROPOUT
from dnac.lowering.knobs import AtKnob, rates

if TYPE_CHECKING:
    from dnac.lowering.frame import Frame
    from dnac.lowering.turns import Turn


@dataclass(frozen=True)
class PartPlan:
    """One part: its kind, params, and the names of its weights."""

    name: str
    kind: ModuleKind
    params: Any
    weights: tuple[str, ...]


PartWeights = Callable[[PartPlan], Mapping[str, Tensor]]
PartOps = Callable[[PartPlan], Ops]


def part_plans(parts: tuple[Part, ...], site: Site) -> tuple[PartPlan, ...]:
    """All parts of one make of module."""
    return tuple(_part_plan(part, site) for part in parts)


def plans_by_set(graph: Graph, site: Site) -> dict[str, tuple[PartPlan, ...]]:
    """The parts of every set of modules, by its name; scheduled numbers as places among the knobs."""
    places = rates(graph)
    return {
        entry.name: tuple(_at_knob(plan, places) for plan in part_plans(entry.parts, site)) for entry in graph.modules
    }


def _at_knob(plan: PartPlan, places: Mapping[Form, int]) -> PartPlan:
    """The part whose layer dropout is found among the knobs, where it is scheduled."""
    rate = getattr(plan.params, LAYER_DROPOUT, None)
    if not isinstance(rate, Form):
        return plan
    at = AtKnob(places[rate], float(str(rate["start"])))
    return replace(plan, params=plan.params.model_copy(update={LAYER_DROPOUT: at}))


def increment(  # noqa: PLR0913 - each is a thing of its own
    plans: tuple[PartPlan, ...],
    weights: PartWeights,
    x: Tensor,
    ops: PartOps,
    inner: Tensor | None = None,
    watch: Callable[[str, Tensor, Tensor], None] | None = None,
    here: Tensor | None = None,
) -> Tensor:
    """The module's increment: each part reads the stream as the parts before it left it.

    `inner` [...] scales the increment of the last part (`combine = in_branch`). `watch` is told of each part's name,
    stream and increment. Tokens that are not `here` [...] keep their stream through all parts.
    """
    total: Tensor | None = None
    for i, plan in enumerate(plans):
        d = plan.kind.forward(plan.params, weights(plan), x, ops(plan))  # type: ignore[misc]
        is_last = i == len(plans) - 1
        if is_last and inner is not None:
            d = d * inner[..., None]
        d = d.to(x.dtype)
        if here is not None:
            d = torch.where(here[..., None], d, 0)
        if watch is not None:
            watch(plan.name, x, d)
        total = d if total is None else total + d
        if not is_last:
            x = x + d
    if total is None:
        raise ValueError("an identity has no increment")
    return total


def asked(head: Callable[[Tensor, Turn], Tensor], x: Tensor, like: Tensor, turn: Turn) -> Tensor:
    """A head's logits for a score, in the type of what the score reads."""
    with torch.no_grad():
        return head(x.to(like.dtype), turn).to(x.dtype)


def watching(
    frame: Frame, site: str, modules: tuple[str, ...], rows: object = None
) -> Callable[[str, Tensor, Tensor], None] | None:
    """Who is told of the increments of some modules' parts; None where nobody asked."""
    watch = frame.watch
    return None if watch is None else lambda part, x, d: watch(site, modules, part, x, d, rows)


def _part_plan(part: Part, site: Site) -> PartPlan:
    kind: ModuleKind = catalogue.get("module", part.kind.name)
    params = params_of(kind, part.kind)
    return PartPlan(part.name, kind, params, tuple(spec.name for spec in kind.weights(params, site)))
