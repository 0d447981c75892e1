"""Which tensors the state dict of a graph holds: keys and shapes, known without torch."""

from __future__ import annotations

from collections.abc import Iterable

from dnac import catalogue
from dnac.ir.form import form
from dnac.ir.graph import Graph, ModuleSet, RouterSet, SharedSet
from dnac.kinds.base import EmbedKind, HeadKind, InputKind, ModuleKind, NormKind, Site, WeightSpec, params_of
from dnac.kinds.router import router_weights
from dnac.passes import facts

Shape = tuple[int, ...]


def state_shapes(graph: Graph) -> dict[str, Shape]:
    """State-dict keys (`nodes.block.mlp.up`, `hop.17.weight`) with the shapes of their tensors."""
    embed = next(s for s in graph.shared if s.role == "embed")
    kind: EmbedKind = catalogue.get("embed", embed.kind.name)
    site = Site(graph.width, graph.tokens, graph.is_text, kind.hands_on(params_of(kind, embed.kind)))
    found: dict[str, Shape] = {}
    for shared in graph.shared:
        found |= _keyed(shared.name, _of_shared(graph, shared))
    for module in graph.modules:
        found |= _of_module(module, site)
    for router in graph.routers:
        found |= _keyed(router.name, _of_router(graph, router))
        if facts.keeps_bias(graph, router):
            found[_key(router.name, "bias")] = (router.size,)
    return found


def _key(*names: str) -> str:
    return ".".join(name.replace("[", ".").replace("]", "") for name in names if name)


def _keyed(name: str, specs: Iterable[WeightSpec]) -> dict[str, Shape]:
    return {_key(name, spec.name): spec.shape for spec in specs}


def _of_module(module: ModuleSet, site: Site) -> dict[str, Shape]:
    stack = () if module.count is None else (module.count,)
    found: dict[str, Shape] = {}
    for part in (part for part in module.parts if part.of is None):
        kind: ModuleKind = catalogue.get("module", part.kind.name)
        for spec in kind.weights(params_of(kind, part.kind), site):
            found[_key(module.name, part.name, spec.name)] = (*stack, *spec.shape)
    return found


def _of_router(graph: Graph, router: RouterSet) -> Iterable[WeightSpec]:
    return router_weights(router.fields, graph.width, router.size)


def _of_shared(graph: Graph, shared: SharedSet) -> Iterable[WeightSpec]:
    source: InputKind = catalogue.get("input", graph.input.name)
    given = params_of(source, graph.input)
    if shared.role == "embed":
        embed: EmbedKind = catalogue.get("embed", shared.kind.name)
        return embed.weights(params_of(embed, shared.kind), given)
    if shared.role == "head":
        head: HeadKind = catalogue.get("head", shared.kind.name)
        return head.weights(params_of(head, shared.kind), graph.width, source.outputs(given))
    norm: NormKind = catalogue.get("norm", shared.kind.name)
    return _gain(graph.width, norm)


def _gain(width: int, norm: NormKind) -> Iterable[WeightSpec]:
    return (WeightSpec("gain", (width,), form("ones"), decays=False),) if norm.normalise is not None else ()
