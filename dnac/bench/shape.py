"""The dense twin of a net: which parts every token passes, one after another.

A routing step that chooses k of like modules is k passes through a module of that make; identities are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dnac import catalogue
from dnac.bench.base import NoBaseline
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, Node, Norm, Part, Presence, Route, Settle, Tally, Tap
from dnac.kinds.base import params_of
from dnac.kinds.module.attention import AttentionParams
from dnac.kinds.module.mlp import MlpParams
from dnac.passes.facts import chosen_per_token, fixed_choice, may_pass, taken_shares
from dnac.schedule.sizes import Sizes


@dataclass(frozen=True)
class Ends:
    """What stands before and behind the blocks."""

    source: Any
    """Params of the input."""
    embed: Any
    embed_kind: str
    head: Any
    head_kind: str
    outputs: int


@dataclass(frozen=True)
class Twin:
    """A dense net of as many block passes for each token."""

    graph: Graph
    ends: Ends
    parts: tuple[AttentionParams | MlpParams, ...]


def twin_of(graph: Graph, *, with_blocks: bool = True) -> Twin:
    """The dense net that works as much as this one for each token; without blocks, its two ends alone.

    Raises:
        NoBaseline: there is none.
    """
    return Twin(graph, _ends(graph), tuple(_parts(graph)) if with_blocks else ())


def _ends(graph: Graph) -> Ends:
    found = {s.role: s.kind for s in graph.shared if s.role != "norm"}
    embed, head = found["embed"], found["head"]
    source = params_of(catalogue.get("input", graph.input.name), graph.input)
    ends = Ends(
        source,
        params_of(catalogue.get("embed", embed.name), embed),
        embed.name,
        params_of(catalogue.get("head", head.name), head),
        head.name,
        catalogue.get("input", graph.input.name).outputs(source),
    )
    known = {"tokens": "unembed", "patches": "classify"}
    if known.get(ends.embed_kind) != ends.head_kind:
        raise NoBaseline(f"no twin is written for `{ends.embed_kind}` with `{ends.head_kind}`")
    if ends.head.bias or getattr(ends.embed, "bias", False) or ends.embed.dropout:
        raise NoBaseline("the ends have a bias or dropout")
    return ends


def _parts(graph: Graph) -> Iterator[AttentionParams | MlpParams]:
    norms: dict[str, Form] = {}
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Norm):
            norms[node.id] = graph.weights[node.weights].kind
            continue
        for member in _members(graph, node):
            norm = norms.get(node.view) if isinstance(node, (Apply, Route)) else None
            for part in traits.parts(graph, member):
                yield _part(part, norm)


def _members(graph: Graph, node: Node) -> tuple[Member, ...]:
    """The modules that a token passes here, as often as it does."""
    match node:
        case Embed() | Head() | Norm():
            return ()
        case Apply():
            return (node.module,)
        case Route():
            return (*node.always, *_chosen(graph, node))
        case Presence() | Tally() | Settle() | Tap():
            raise NoBaseline("tokens can leave, or losses stand inside the net")
        case _:
            raise NoBaseline("the net has parallel branches")


def _chosen(graph: Graph, node: Route) -> tuple[Member, ...]:
    router = graph.router[node.router]
    fixed = fixed_choice(router)
    if taken_shares(router, graph.tokens) is not None:
        raise NoBaseline(f"the modules of `{node.site}` choose their tokens")
    slots = range(len(node.candidates)) if fixed is None else fixed
    working = [node.candidates[i] for i in slots if not traits.is_identity(graph, node.candidates[i])]
    makes = {traits.parts(graph, member) for member in working}
    if len(makes) > 1:
        raise NoBaseline(f"`{node.site}` chooses among unlike modules")
    if not working:
        return ()
    if may_pass(router):
        return tuple(working)  # at most: each of them once
    return tuple(working) if fixed is not None else tuple(working[:1]) * chosen_per_token(router)


def _part(part: Part, norm: Form | None) -> AttentionParams | MlpParams:
    kind = catalogue.get("module", part.kind.name)
    params = params_of(kind, part.kind)
    if not isinstance(params, (AttentionParams, MlpParams)):
        raise NoBaseline(f"no twin is written for `{part.kind.name}`")
    if params.bias or params.dropout or params.layer_dropout or getattr(params, "window", None):
        raise NoBaseline(f"`{part.kind.name}` has a bias, dropout or a window")
    if norm is not None and params.norm.name == "none":
        return params.model_copy(update={"norm": norm})
    return params


def forward_flops(twin: Twin, tokens: int) -> float:
    """FLOPs of one sequence through the twin: 2 per multiply-add, as `docs/numerics.md` counts them."""
    site = Sizes(twin.graph).site
    total = sum(_ends_flops(twin, tokens))
    for params in twin.parts:
        kind = catalogue.get("module", "attention" if isinstance(params, AttentionParams) else "mlp")
        total += tokens * kind.flops(params, site, kind.keys(params, tokens))
    return total


def _ends_flops(twin: Twin, tokens: int) -> tuple[float, float]:
    ends = twin.ends
    embed = catalogue.get("embed", ends.embed_kind).flops(ends.embed, ends.source)
    head = catalogue.get("head", ends.head_kind).flops(ends.head, twin.graph.width, ends.outputs, tokens)
    return tokens * embed, tokens * head
