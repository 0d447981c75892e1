"""A net seen as a decoder of the Llama family: layers of attention and then an mlp, or a choice of mlps.

What the weights of a Llama or a Mixtral mean is fixed: rms norms before each branch, rotary
positions in halves, no biases, silu-gated mlps; in a Mixtral the norm before the experts feeds the
router too, and the weights of the chosen ones are their softmax, renormalised (arXiv 2401.04088).
A net that says anything else is refused, with the line that says it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from dnac import catalogue
from dnac.importing import errors
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, Norm, Origin, Part, Route
from dnac.kinds.base import params_of
from dnac.kinds.module.attention import AttentionParams
from dnac.kinds.module.mlp import MlpParams
from dnac.text.diagnostic import Faults, InternalError


@dataclass(frozen=True)
class Attention:
    """The first half of a layer."""

    weights: tuple[str, str]
    """Names of the set and of the part in it."""
    heads: int
    kv_heads: int
    head_width: int
    window: int | None
    base: float
    """Of its rotary positions."""


@dataclass(frozen=True)
class Mlp:
    """The second half of a layer: one mlp, or several under a router."""

    weights: tuple[str, str]
    hidden: int
    count: int | None = None
    """M, how many there are to choose from; None: there is no choice."""
    k: int | None = None
    """How many each token takes."""
    router: str = ""
    norm: str = ""
    """The pool's own norm, where there is a choice."""


@dataclass(frozen=True)
class Decoder:
    """All that the weights of a Llama or a Mixtral say, with the names of our weights for it."""

    width: int
    vocabulary: int
    context: int
    embed: str
    head: str
    is_tied: bool
    layers: tuple[tuple[Attention, Mlp], ...]


def decoder_of(graph: Graph) -> Decoder:
    """Read a net as a decoder.

    Raises:
        Faults: DNA751, something in it has no counterpart.
    """
    _require(graph.is_text, "a net of images", None)
    norms = {node.id: node for node in graph.nodes if isinstance(node, Norm)}
    halves: list[tuple[Attention | Mlp, Origin | None]] = []
    embeds, heads = list[Embed](), list[Head]()
    for node in traits.unrolled(graph.nodes):
        match node:
            case Embed():
                _require_no_added_positions(graph, node)
                embeds.append(node)
            case Head():
                heads.append(node)
            case Norm():
                _require_rms(graph.weights[node.weights].kind, "a pool", graph.weights[node.weights].origin)
            case Apply():
                halves += ((half, node.origin) for half in _of_module(graph, node))
            case Route():
                halves.append((_experts(graph, node, norms), node.origin))
            case _:
                _require(False, "branches side by side", node.origin)
    _require(len(embeds) == len(heads) == 1, "a net of several embeds or heads", None)
    _require_own_weights(halves)
    return Decoder(
        graph.width, _vocabulary(graph), graph.tokens, embeds[0].weights, heads[0].weights,
        _is_tied(graph, heads[0]), _paired(halves),
    )  # fmt: skip


def _vocabulary(graph: Graph) -> int:
    size = graph.input["vocabulary"]
    if not isinstance(size, int):
        raise InternalError("importing.decoder", "a text input without a vocabulary")
    return size


def _require_no_added_positions(graph: Graph, node: Embed) -> None:
    kind = graph.weights[node.weights].kind
    positions = kind["positions"]
    fits = isinstance(positions, Form) and positions.name in ("rope", "none")
    _require(kind.name == "tokens" and fits, "positions that the embed adds", node.origin)


def _is_tied(graph: Graph, node: Head) -> bool:
    kind = graph.weights[node.weights].kind
    _require(kind.name == "unembed", f"the head `{kind.name}`", node.origin)
    _require_rms(kind["norm"], "the head", node.origin)
    _require(not kind["bias"], "a bias in the head", node.origin)
    return node.table is not None


def _of_module(graph: Graph, node: Apply) -> Iterator[Attention | Mlp]:
    """The halves of one module: attention, mlp, or both in a transformer."""
    entry = graph.module[node.module.set]
    _require(entry.count is None and node.gate is None, "a fixed member of a pool", node.origin)
    _require(node.view == node.x, "a module under a norm of its pool", node.origin)
    for part in entry.parts:
        _require(part.kind.name in ("attention", "mlp"), f"a module `{part.kind.name}`", entry.origin)
        where = (entry.name, part.name)
        _require_rms(part.kind["norm"], f"`{part.kind.name}`", entry.origin)
        yield (_attention if part.kind.name == "attention" else _mlp)(where, part, entry.origin)


def _attention(where: tuple[str, str], part: Part, origin: Origin | None) -> Attention:
    params: AttentionParams = params_of(catalogue.get("module", "attention"), part.kind)
    if params.kv_heads is None or params.width is None or params.causal is None:
        raise InternalError("importing.decoder", f"{where[0]} has open fields")
    _require(params.causal, "attention that is not causal", origin)
    _require(not params.bias, "biases", origin)
    _require(params.positions.name == "rope", "attention without rotary positions", origin)
    base = params.positions["base"]
    head_width = params.width // params.heads
    return Attention(where, params.heads, params.kv_heads, head_width, params.window, float(str(base)))


def _mlp(where: tuple[str, str], part: Part, origin: Origin | None) -> Mlp:
    params: MlpParams = params_of(catalogue.get("module", "mlp"), part.kind)
    if params.hidden is None:
        raise InternalError("importing.decoder", f"{where[0]} has open fields")
    _require(params.activation.name == "swiglu", f"the activation `{params.activation.name}`", origin)
    _require(not params.bias, "biases", origin)
    return Mlp(where, params.hidden)


def _experts(graph: Graph, node: Route, norms: dict[str, Norm]) -> Mlp:
    """Experts of one make under one norm, all of them candidates, in order."""
    entry = graph.module[node.candidates[0].set]
    whole = tuple(Member(entry.name, i) for i in range(entry.count or 0))
    _require(node.candidates == whole and not node.always, "a choice among modules of several makes", node.origin)
    _require(len(entry.parts) == 1 and entry.parts[0].kind.name == "mlp", "a choice among other than mlps", node.origin)
    _require(node.view in norms, "experts without a norm of their pool", node.origin)
    part = entry.parts[0]
    _require(part.kind["norm"] == Form("none"), "experts with norms of their own", entry.origin)
    mlp = _mlp((entry.name, part.name), part, entry.origin)
    router = graph.router[node.router]
    k = _k_of_mixtral(router.fields, router.origin)
    return Mlp(mlp.weights, mlp.hidden, entry.count, k, node.router, norms[node.view].weights)


_MIXTRAL = {"read": "normed", "score": "linear", "gate": "softmax", "weight": "renormalised", "combine": "delta",
            "limit": "none"}  # fmt: skip
"""The words that say what Mixtral's router does; noise, gradients and balance act while training alone."""


def _k_of_mixtral(fields: Form, origin: Origin | None) -> int:
    for name, word in _MIXTRAL.items():
        said = fields[name]
        _require(isinstance(said, Form) and said.name == word, f"a router whose `{name}` is not `{word}`", origin)
    _require(fields["tau"] == 1 and fields["scale"] == 1, "a router with a temperature or a scale", origin)
    choose = fields["choose"]
    k = choose.get("k") if isinstance(choose, Form) and choose.name == "top" else None
    if not isinstance(k, int):
        raise Faults(errors.no_counterpart("a router that does not choose `top(k)`", origin))
    return k


def _paired(halves: list[tuple[Attention | Mlp, Origin | None]]) -> tuple[tuple[Attention, Mlp], ...]:
    layers: list[tuple[Attention, Mlp]] = []
    for at in range(0, len(halves), 2):
        (first, origin), (second, _) = halves[at], halves[min(at + 1, len(halves) - 1)]
        if not isinstance(first, Attention) or not isinstance(second, Mlp):
            raise Faults(errors.no_counterpart("layers other than attention, then an mlp or experts", origin))
        layers.append((first, second))
    _require(bool(layers), "a net without layers", None)
    return tuple(layers)


def _require_own_weights(halves: list[tuple[Attention | Mlp, Origin | None]]) -> None:
    used = Counter(name for half, _ in halves for name in (half.weights, getattr(half, "router", "")) if name)
    shared = {name for name, count in used.items() if count > 1}
    for half, origin in halves:
        ours = {half.weights, getattr(half, "router", "")}
        _require(not ours & shared, "weights that several layers share", origin)


def _require_rms(norm: object, of: str, origin: Origin | None) -> None:
    name = norm.name if isinstance(norm, Form) else "none"
    _require(name == "rms", f"{of} with the norm `{name}`", origin)


def _require(fits: bool, what: str, origin: Origin | None) -> None:
    if not fits:
        raise Faults(errors.no_counterpart(what, origin))
