"""Active FLOPs per token as they really were: the declared costs, with the measured choices.

Conventions as in `docs/numerics.md`: forward only, 2 FLOPs per multiply-add. A routed attention
sees the other tokens of its sequence with the measured chance that they chose the same module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Apply, Graph, Member, Presence, Route
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
        self._beside = [n for n in nodes if isinstance(n, (Presence, Route)) or (isinstance(n, Apply) and n.away)]
        fixed = (n for n in nodes if not isinstance(n, Route) and n not in self._beside)
        self._fixed = sum(self._costs.node_flops(n).expected for n in fixed)
        self._fixed += sum(self._costs.route(r).router for r in self._routes)

    def per_token(self, counts: Sequence[Tensor]) -> float:
        """FLOPs per token, from the choices per routing step ([M + 1] each, empty slots last)."""
        left: dict[object, float] = {}
        listed = [choices.tolist() for choices in counts]
        ks = [chosen_per_token(self._graph.router[route.router]) for route in self._routes]
        whole = max((sum(choices) / k for choices, k in zip(listed, ks, strict=True)), default=1.0)
        here = {route.step: sum(c) / k / whole for route, c, k in zip(self._routes, listed, ks, strict=True)}
        total = self._plain(dict(zip((r.step for r in self._routes), listed, strict=True)), whole)
        return (
            self._fixed
            + total
            + sum(here[r.step] * self._one(r, c, left) for r, c in zip(self._routes, listed, strict=True) if sum(c))
        )

    def _plain(self, counts: Mapping[int, Sequence[int]], whole: float) -> float:
        """Modules without a choice, for the tokens that were there: `whole` tokens at first."""
        total, gone, routes = 0.0, dict[int, float](), dict[str, Route]()
        for node in self._beside:
            here = max(0.0, 1.0 - sum(gone.values())) if getattr(node, "away", "") else 1.0
            if isinstance(node, Presence):
                gone = {code: part for code, part in gone.items() if node.away and not 0 < node.back <= code}
                for slot, code in node.leaves:
                    gone[code] = gone.get(code, 0.0) + counts[routes[node.route].step][slot] / whole
            elif isinstance(node, Apply):
                total += here * self._member(node.module, 1.0 if node.copied else here, 0.0)
            else:
                routes[node.id] = node
                total += here * sum(self._member(member, here, 0.0) for member in node.always)
        return total

    def _one(self, route: Route, choices: Sequence[int], left: dict[object, float]) -> float:
        """One routing step. `left`: keys of one token that earlier steps left to each module, under None to all, under
        `first` and the module the share of the tokens that were there the first time.
        """
        router = self._graph.router[route.router]
        tokens = sum(choices) / chosen_per_token(router)
        sees = field(router, "sees").name
        used = [(member, n / tokens) for member, n in zip(route.candidates, choices, strict=False) if n]
        pairs = sum(share for member, share in used if mixes_tokens(self._graph, member))
        total = 0.0
        for member, share in used:
            first = left.setdefault(("first", member), share)
            others = {"everyone": 1.0, "history": pairs, "first": first}.get(sees, share)
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
