"""One way to say each thing, so that later passes and readers need to know one only.

    choose=top{k=4} of 4 candidates, unlimited    ->  choose=all      (where the weights are alike)
    weight=uniform of one choice                  ->  weight=one
    combine=in_branch, one choice of weight one   ->  combine=delta   (inner and outer scale are 1)
    join(h0) [h1]                                 ->  h1

Names and shapes of weights stay; only the words of a router's fields change. `top` of all and `all`
differ where a score is not a number: both leave that slot empty, so counts agree too.
"""

from __future__ import annotations

from dataclasses import replace

from dnac.ir.form import Form, form
from dnac.ir.graph import Graph, Node, RouterSet
from dnac.ir.rewrite import Bypass, rewrite
from dnac.passes import facts
from dnac.passes.base import Pass, Phase
from dnac.passes.joins import simpler_join


def apply(graph: Graph) -> Graph:
    """Rewrite the fields of all routers, then the joins."""
    graph = replace(graph, routers=tuple(replace(r, fields=_canonical(r)) for r in graph.routers))
    return rewrite(graph, _join)


def _canonical(router: RouterSet) -> Form:
    fields = router.fields
    k = facts.chosen_per_token(router)
    if facts.field(router, "choose").name == "top" and k == router.size and facts.filled_values(router) is None:
        fields = fields.replace(choose=form("all"))
    if fields["weight"] == form("uniform") and k == 1:
        fields = fields.replace(weight=form("one"))
    if fields["combine"] == form("in_branch") and k == 1 and fields["weight"] == form("one") and fields["scale"] == 1.0:
        fields = fields.replace(combine=form("delta"))
    return fields


def _join(graph: Graph, node: Node) -> tuple[Node, ...] | Bypass | None:
    return simpler_join(node)


PASS = Pass(
    name="canonicalize",
    summary="one way to say each thing",
    phase=Phase.CANONICALIZE,
    level=1,
    apply=apply,
)
