"""Active FLOPs per token as they really were: the declared costs, with the measured choices.

Conventions as in `docs/numerics.md`: forward only, 2 FLOPs per multiply-add. A routed attention
sees the other tokens of its sequence with the measured chance that they chose the same module.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Member, Route
from dnac.ir.traits import unrolled
from dnac.kinds.base import ModuleKind, params_of
from dnac.passes.facts import chosen_per_token, field, mixes_tokens
from dnac.schedule.cost import Costs

KEPT = {"module": True, "history": None}
"""Words for `sees` that look at keys of earlier steps: those of the same module, or all."""


class ActiveFlops:
    """Counts FLOPs per token from the choices of a train step."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._costs = graph, Costs(graph)
        nodes = tuple(unrolled(graph.nodes))
        self._routes = sorted((n for n in nodes if isinstance(n, Route)), key=lambda r: r.step)
        self._fixed = sum(self._costs.node_flops(n).expected for n in nodes if not isinstance(n, Route))
        self._fixed += sum(self._costs.route(r).router + self._costs.route(r).always.expected for r in self._routes)

    def per_token(self, counts: Sequence[Tensor]) -> float:
        """FLOPs per token, from the choices per routing step ([M + 1] each, empty slots last)."""
        left: dict[Member | None, float] = {}
        return self._fixed + sum(
            self._one(route, choices.tolist(), left) for route, choices in zip(self._routes, counts, strict=True)
        )

    def _one(self, route: Route, choices: Sequence[int], left: dict[Member | None, float]) -> float:
        """One routing step. `left`: keys of one token that earlier steps left to each module, under None to all."""
        router = self._graph.router[route.router]
        tokens = sum(choices) / chosen_per_token(router)
        sees = field(router, "sees").name
        used = [(member, n / tokens) for member, n in zip(route.candidates, choices, strict=False) if n]
        pairs = sum(share for member, share in used if mixes_tokens(self._graph, member))
        total = 0.0
        for member, share in used:
            others = {"everyone": 1.0, "history": pairs}.get(sees, share)
            before = left.get(KEPT[sees] and member, 0.0) if sees in KEPT else 0.0
            total += share * self._member(member, others, before)
        for member, share in used:
            left[member] = left.get(member, 0.0) + share
        if sees == "history":
            left[None] = left.get(None, 0.0) + pairs
        return total

    def _member(self, member: Member, chance: float, before: float) -> float:
        """One token through one module, with each other token of its sequence there by chance."""
        return sum(self._part(part.kind, chance, before) for part in self._graph.module[member.set].parts)

    def _part(self, form: Form, chance: float, before: float) -> float:
        kind: ModuleKind = catalogue.get("module", form.name)
        params = params_of(kind, form)
        full = kind.keys(params, self._graph.tokens)
        keys = 1.0 + chance * (full - 1.0) + before * full
        return kind.flops(params, self._costs.site, keys if full else 0.0)
