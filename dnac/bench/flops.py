"""FLOPs of a net from the choices that were made: attention is counted over the segments as they were.

Conventions of `docs/numerics.md`: 2 per multiply-add, linear layers and attention, routers, projection and head; a
train step is three times the forward pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from dnac import catalogue
from dnac.bench.routes import steps_of
from dnac.ir import traits
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, Presence, Route
from dnac.kinds.base import params_of
from dnac.passes.facts import field
from dnac.passes.pipeline import optimize
from dnac.schedule.cost import Costs

TRAIN = 3
"""A backward pass is twice a forward pass."""


class Counter:
    """FLOPs of one net at one batch."""

    def __init__(self, graph: Graph, batch: int, tokens: int) -> None:
        self.graph, self.batch, self.tokens = optimize(graph), batch, tokens
        self.costs = Costs(self.graph)
        self.sites = tuple(step.site for step in steps_of(graph))
        self._known: dict[tuple[str, int], float] = {}

    def forward(self, routes: Sequence[Tensor]) -> float:
        """FLOPs of a forward pass with these choices [B, T, K], one for each routing step."""
        at = dict(zip(self.sites, routes, strict=True))
        rows, total = self.batch * self.tokens, 0.0
        here = _Here(self.batch, self.tokens)
        for node in traits.unrolled(self.graph.nodes):
            match node:
                case Embed():
                    total += rows * self.costs.embed_flops(node.weights)
                case Head():
                    total += self.batch * self._head(node.weights)
                case Apply():
                    total += sum(self._segment(node.module, n) for n in here.lengths(node.away))
                case Route():
                    total += rows * self.costs.route(node).router
                    total += sum(self._segment(m, n) for m in node.always for n in here.lengths(node.away))
                    here.chose(node, at[node.site])
                    total += self._routed(node, at[node.site])
                case Presence():
                    here.change(node)
                case _:
                    continue
        return total

    def _head(self, name: str) -> float:
        form = self.graph.weights[name].kind
        kind = catalogue.get("head", form.name)
        return self.tokens * kind.flops(params_of(kind, form), self.graph.width, self.costs.outputs, self.tokens)

    def _routed(self, node: Route, ids: Tensor) -> float:
        if field(self.graph.router[node.router], "sees").name != "peers":
            return self.batch * self.tokens * self.costs.node_flops(node).expected
        lengths = segments(ids, len(node.candidates))
        return sum(self._segment(node.candidates[slot], n) for slot in node.runs for n in lengths[slot])

    def _segment(self, member: Member, length: int) -> float:
        """All tokens of one segment through one module, each seeing the segment."""
        known = (member.set, length)
        if known not in self._known:
            parts = traits.parts(self.graph, member)
            self._known[known] = length * sum(self._part(p.kind, length) for p in parts) if length else 0.0
        return self._known[known]

    def _part(self, form: object, length: int) -> float:
        kind = catalogue.get("module", form.name)  # type: ignore[attr-defined]
        params = params_of(kind, form)  # type: ignore[arg-type]
        return kind.flops(params, self.costs.site, kind.keys(params, length))


class _Here:
    """How many tokens of each sequence are here, from the choices as they were made."""

    def __init__(self, batch: int, tokens: int) -> None:
        self.all = [tokens] * batch
        self.shape = batch, tokens
        self.away: Tensor | None = None
        self.ids: dict[str, Tensor] = {}

    def chose(self, node: Route, ids: Tensor) -> None:
        """Keep the choices of a routing step."""
        self.ids[node.id] = ids

    def change(self, node: Presence) -> None:
        """Who is here from now on."""
        away = self.away if node.away and self.away is not None else torch.zeros(self.shape, dtype=torch.int64)
        if node.back:
            away = torch.where(away >= node.back, 0, away)
        for slot, code in sorted(node.leaves, key=lambda pair: -pair[1]):
            away = torch.where((self.ids[node.route].cpu() == slot).any(-1), code, away)
        self.away = away

    def lengths(self, away: str) -> list[int]:
        """Tokens that are here, for each sequence."""
        if not away or self.away is None:
            return self.all
        return [int(n) for n in (self.away == 0).sum(-1)]


def segments(ids: Tensor, slots: int) -> list[list[int]]:
    """For each slot, how many tokens of each sequence chose it: `ids` [B, T, K]."""
    flat = ids.flatten(1)
    counts = flat.new_zeros(flat.shape[0], slots + 1).scatter_add_(1, flat % (slots + 1), (flat >= 0).long())
    return counts[:, :slots].T.tolist()


def mean(values: Iterable[float]) -> float:
    """The mean of some numbers."""
    found = list(values)
    return sum(found) / len(found)
