"""A choice that never varies leaves no dispatch.

    h1 = route(h0) by r at r step 0 over (a[0:4]) runs 2 skips -       choose=fixed{slot=2}, weight=one
    h1 = apply(h0) by a[2] at r

With another weight, or with a balance term, the router stays and gates the module:

    h1.gate = route(h0) by r at r step 0 over (a[0:4]) runs - skips -
    h1      = apply(h0) by a[2] gate (r 2) at r

Several fixed choices become the branches of one join. Nothing is folded under `in_branch` or a
limit, where tokens have left or may leave, where attention looks at keys of other routing steps, or where a
router asks what was chosen here.
"""

from __future__ import annotations

from dataclasses import replace

from dnac.ir import traits
from dnac.ir.form import form
from dnac.ir.graph import Apply, Graph, Join, Member, Node, Route
from dnac.ir.rewrite import Bypass, rewrite
from dnac.passes import facts
from dnac.passes.base import Pass, Phase
from dnac.passes.rewrites.prune_unreachable import without_unread_norms


def apply(graph: Graph) -> Graph:
    """Fold every route that can be, then drop norms that nobody reads any more."""
    return without_unread_norms(rewrite(graph, _rule))


def _rule(graph: Graph, node: Node) -> tuple[Node, ...] | Bypass | None:
    if not isinstance(node, Route) or not _can_fold(graph, node):
        return None
    router = graph.router[node.router]
    slots = [s for s in facts.fixed_choice(router) or () if not traits.is_identity(graph, node.candidates[s])]
    needs_router = facts.has_balance(router) or not facts.weighs_one(router)
    work = [(node.candidates[s], (router.name, s) if needs_router else None) for s in slots]
    work += [(member, None) for member in node.always]
    if not work:
        return None if needs_router else Bypass()
    gate = (replace(node, id=f"{node.id}.gate", runs=(), skips=(), always=(), banks=()),) if needs_router else ()
    return (*gate, *_applied(node, work))


def _can_fold(graph: Graph, node: Route) -> bool:
    router = graph.router[node.router]
    fields = router.fields
    if node.away or traits.leaves(graph, node):
        return False
    if not (node.runs or node.skips or node.always) or facts.fixed_choice(router) is None:
        return False
    if node.carries or fields["combine"] != form("delta") or fields["limit"] != form("none"):
        return False
    return not any(facts.mixes_tokens(graph, m) and _seen_elsewhere(graph, m) for m in node.candidates)


def _seen_elsewhere(graph: Graph, member: Member) -> bool:
    """Whether some routing step looks at this module's keys of other steps."""
    routes = (node for node in graph.nodes if isinstance(node, Route))
    return any(member in r.candidates and not facts.sees_own_step(graph.router[r.router]) for r in routes)


def _applied(node: Route, work: list[tuple[Member, tuple[str, int] | None]]) -> tuple[Node, ...]:
    ids = [node.id] if len(work) == 1 else [f"{node.id}.{i}" for i in range(len(work))]
    steps = tuple(
        Apply(name, node.x, node.view, member, gate, node.site, origin=node.origin)
        for name, (member, gate) in zip(ids, work, strict=True)
    )
    if len(work) == 1:
        return steps
    return (*steps, Join(node.id, node.x, tuple((name,) for name in ids), node.origin))


PASS = Pass(
    name="fold_fixed_choices",
    summary="a choice that never varies leaves no dispatch",
    phase=Phase.FOLD,
    level=2,
    apply=apply,
)
