"""What a reader of a plan should know before training: sentences, each from the spec alone."""

from __future__ import annotations

import re

from dnac.ir import traits
from dnac.ir.graph import Route, RouterSet
from dnac.passes import facts
from dnac.semantics.result import CheckedNet


def hints(net: CheckedNet) -> list[str]:
    """One sentence per sort of router whose weights start far from one."""
    routes, tokens = _routes(net), net.graph.tokens
    found = (_mean_weight(re.sub(r"\[\d+\]", "", r.site), net.graph.router[r.router], tokens) for r in routes)
    steps = (_curriculum(re.sub(r"\[\d+\]", "", r.site), net.graph.router[r.router]) for r in _routes(net))
    return list(dict.fromkeys(hint for hint in (*found, *steps) if hint))


def _routes(net: CheckedNet) -> list[Route]:
    return [n for n in traits.unrolled(net.graph.nodes) if isinstance(n, Route)]


def _curriculum(label: str, router: RouterSet) -> str:
    """A number of choices that changes while training."""
    values = facts.filled_values(router)
    if values is None:
        return ""
    said = ", ".join(f"{value:g}" for value in values)
    return f"{label}: k is {said} in turn, in one program with room for {max(values):g}; this plan has that of the end"


def _mean_weight(label: str, router: RouterSet, tokens: int) -> str:
    """Raw gates at initialisation: scores are near zero, so each gate is near the gate of zero."""
    if router.fields["weight"] is None or facts.field(router, "weight").name != "raw":
        return ""
    start = {"softmax": 1 / router.size, "sigmoid": 0.5, "none": 0.0}.get(facts.field(router, "gate").name)
    scale = router.fields["scale"]
    if start is None or not isinstance(scale, (int, float)) or facts.field(router, "score").name != "linear":
        return ""
    k = facts.filled_at_end(router)
    if facts.field(router, "combine").name == "in_branch":
        return f"{label}: raw weights start near {k * start * scale:.3g} inside the branch, 1/{k} outside it"
    taken = facts.taken_shares(router, tokens)
    total = (k if taken is None else sum(taken)) * start * scale
    return f"{label}: raw weights start near {start * scale:.3g}, so that a step adds about {total:.3g} of one module"
