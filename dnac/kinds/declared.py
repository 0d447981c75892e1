"""Every weight that a graph declares: its state-dict key, shape, initial values and duties. Known without torch.

Keys, shapes and initial values follow from the graph's weight tables alone, never from a pass or a
lowering. A set of `count` modules is one stacked tensor; each module's part of it has its own
canonical name (`nodes.block[3].attention.qkv`), from which its initial values are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dnac import catalogue
from dnac.ir.form import Form, form
from dnac.ir.graph import Graph, ModuleSet, RouterSet, SharedSet
from dnac.kinds.base import (
    BalanceKind,
    EmbedKind,
    HeadKind,
    InputKind,
    ModuleKind,
    NormKind,
    ScoreKind,
    Site,
    WeightSpec,
    params_of,
)
from dnac.kinds.budgets import moved_routers
from dnac.kinds.place import site_of
from dnac.kinds.router import decode_weights, noise_weights, score_weights
from dnac.kinds.words import word


@dataclass(frozen=True)
class Declared:
    """One tensor of the state dict."""

    set: str
    """The set of weights that it belongs to."""
    key: str
    shape: tuple[int, ...]
    """With the stacking axis, if any."""
    spec: WeightSpec
    names: tuple[str, ...]
    """Canonical name of each module's part of it, in order of the stacking axis."""
    is_stacked: bool
    trains: bool = True
    of_router: bool = False


def key_of(*names: str) -> str:
    """`hop[17]`, `weight` to the state-dict key `hop.17.weight`; empty names are left out."""
    return ".".join(name.replace("[", ".").replace("]", "") for name in names if name)


def declared(graph: Graph) -> tuple[Declared, ...]:
    """All parameters, in the order of the graph's tables."""
    site = site_of(graph)
    shared = (d for entry in graph.shared for d in _of_shared(graph, entry))
    modules = (d for entry in graph.modules for d in _of_modules(entry, site))
    routers = (d for entry in graph.routers for d in _of_router(graph, entry))
    return (*shared, *modules, *routers)


def biases(graph: Graph) -> tuple[tuple[str, int], ...]:
    """(key, M) of every selection bias: routers with a balance term or a budget that changes one."""
    moved = moved_routers(graph)
    return tuple((key_of(r.name, "bias"), r.size) for r in graph.routers if has_bias(r) or r.name in moved)


def tables(graph: Graph) -> tuple[tuple[str, int], ...]:
    """(key, V) of every router's table of token ids: of a text its vocabulary, of an image its places."""
    return tuple((key_of(r.name, "table"), _ids(graph)) for r in graph.routers if has_table(r))


def buffers(graph: Graph) -> tuple[tuple[str, int], ...]:
    """(key, length) of every tensor that no gradient changes, float32: selection biases and tables of token ids."""
    return (*biases(graph), *tables(graph))


def has_table(router: RouterSet) -> bool:
    """Whether this router's score reads a table of token ids."""
    score = router.fields["score"]
    assert isinstance(score, Form)
    kind: ScoreKind = catalogue.get("score", score.name)
    return kind.has_table


def _ids(graph: Graph) -> int:
    source: InputKind = catalogue.get("input", graph.input.name)
    return source.outputs(params_of(source, graph.input)) if graph.is_text else graph.tokens


def has_bias(router: RouterSet) -> bool:
    """Whether a balance term of this router changes a selection bias."""
    terms = router.fields["balance"]
    if not isinstance(terms, tuple):
        return False
    kinds: list[BalanceKind] = [catalogue.get("balance", t.name) for t in terms if isinstance(t, Form)]
    return any(kind.update is not None for kind in kinds)


def _of_shared(graph: Graph, entry: SharedSet) -> Iterator[Declared]:
    for spec in _shared_specs(graph, entry):
        yield Declared(
            entry.name, key_of(entry.name, spec.name), spec.shape, spec, (f"{entry.name}.{spec.name}",), False
        )


def _shared_specs(graph: Graph, entry: SharedSet) -> tuple[WeightSpec, ...]:
    source: InputKind = catalogue.get("input", graph.input.name)
    given = params_of(source, graph.input)
    match entry.role:
        case "embed":
            embed: EmbedKind = catalogue.get("embed", entry.kind.name)
            return embed.weights(params_of(embed, entry.kind), given)
        case "head":
            head: HeadKind = catalogue.get("head", entry.kind.name)
            return head.weights(params_of(head, entry.kind), graph.width, source.outputs(given))
        case "norm":
            norm: NormKind = word("norm", entry.kind)
            gain = WeightSpec("gain", (graph.width,), form("ones"), decays=False)
            return (gain,) if norm.normalise is not None else ()


def _of_modules(entry: ModuleSet, site: Site) -> Iterator[Declared]:
    members = (entry.name,) if entry.count is None else tuple(f"{entry.name}[{i}]" for i in range(entry.count))
    stack = () if entry.count is None else (entry.count,)
    for part in (part for part in entry.parts if part.of is None):
        kind: ModuleKind = catalogue.get("module", part.kind.name)
        trains = not part.kind.get("frozen")
        for spec in kind.weights(params_of(kind, part.kind), site):
            names = tuple(".".join(n for n in (member, part.name, spec.name) if n) for member in members)
            key = key_of(entry.name, part.name, spec.name)
            yield Declared(entry.name, key, (*stack, *spec.shape), spec, names, entry.count is not None, trains)


def _of_router(graph: Graph, entry: RouterSet) -> Iterator[Declared]:
    trains = not entry.fields.get("frozen")
    scored = score_weights(entry.fields, graph.width, entry.size)
    scored = (*scored, *noise_weights(entry.fields, graph.width, entry.size))
    decoded = decode_weights(entry.fields, graph.width, entry.size)
    for spec, learns in [*((spec, trains) for spec in scored), *((spec, True) for spec in decoded)]:
        key = key_of(entry.name, spec.name)
        yield Declared(entry.name, key, spec.shape, spec, (f"{entry.name}.{spec.name}",), False, learns, of_router=True)
