"""Networks for tests of lowerings: graphs of every shape, lively weights, and one way to compare."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import graphs
from dnac.ir.form import Form, form
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, ModuleSet, Norm, Part, Route, RouterSet, SharedSet
from dnac.kinds.router import RouterParams
from dnac.lowering.base import Output
from dnac.lowering.network import Network

WIDTH, TOKENS, BATCH = 16, 8, 2

Group = tuple[str, int | None, tuple[Part, ...]]
BLOCK: Group = ("block", 3, graphs.transformer())
SKIP: Group = ("skip", 1, ())
LEARNED = form("learned")
ATTENTION = (Part("attention", graphs.attention()),)
MLP = (Part("mlp", graphs.mlp()),)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
FAST = "grouped" if INTERPRETED else "portable"
"""The lowering held against the reference: under Triton's interpreter the GPU's (`make test-kernels`)."""

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-4}
"""Largest error of an output or gradient, relative to its largest value."""


def routed(
    groups: Sequence[Group] = (BLOCK, SKIP),
    *,
    steps: int = 2,
    backbone: tuple[Part, ...] | None = None,
    norm: Form | None = None,
    shared_router: bool = False,
    always: Sequence[Group] = (),
    tokens: int = TOKENS,
    image: bool = False,
    positions: Form = LEARNED,
    **router: Any,
) -> Graph:
    """`embed; [backbone]; repeat steps { route pool }; head` over one pool of the given groups."""
    fields = {"choose": form("top", k=1), "weight": form("raw"), "balance": (), **router}
    params = RouterParams(**fields).form("router")
    candidates = tuple(m for name, count, _ in groups for m in _members(f"pool.{name}", count))
    shared_experts = tuple(m for name, count, _ in always for m in _members(f"pool.{name}", count))
    parts = {f"pool.{name}": made for name, _, made in (*groups, *always)}
    size = len(candidates)
    nodes: list[Any] = [Embed("h0", "embed")]
    if backbone:
        nodes.append(Apply("b", "h0", "h0", Member("backbone"), site="backbone"))
    x = nodes[-1].id
    for s in range(steps):
        view = x
        if norm is not None:
            nodes.append(Norm(f"n{s}", x, "pool.norm"))
            view = f"n{s}"
        slots = range(size)
        nodes.append(
            Route(
                id=f"r{s}",
                x=x,
                view=view,
                site=f"hop[{s}]",
                step=s,
                router="hub" if shared_router else f"hop[{s}]",
                candidates=candidates,
                always=shared_experts,
                runs=tuple(i for i in slots if parts[candidates[i].set]),
                skips=tuple(i for i in slots if not parts[candidates[i].set]),
            )
        )
        x = f"r{s}"
    nodes.append(Head("logits", x, "lm"))
    routers = ("hub",) if shared_router else tuple(f"hop[{s}]" for s in range(steps))
    return Graph(
        name="routed",
        input=_image() if image else form("text", context=tokens, vocabulary=32, tokenizer=None),
        width=WIDTH,
        tokens=tokens,
        shared=(
            SharedSet("embed", "embed", _patches(positions) if image else _tokens(positions)),
            SharedSet("head", "lm", _classify() if image else _unembed()),
            *((SharedSet("norm", "pool.norm", norm),) if norm is not None else ()),
        ),
        modules=(
            *((ModuleSet("backbone", None, backbone),) if backbone else ()),
            *(ModuleSet(f"pool.{name}", count, made) for name, count, made in (*groups, *always)),
        ),
        routers=tuple(RouterSet(name, size, params) for name in routers),
        nodes=tuple(nodes),
    )


def lively(network: Network, scale: float = 10.0) -> Network:
    """Weights large enough that every path matters: normal draws times `scale`, gains away from 1."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter)
            parameter.add_(0.3 * noise) if name.endswith("norm") or "bias" in name else parameter.mul_(scale)
    return network


if INTERPRETED:  # heads of any width, where no tensor core has to multiply them
    from dnac.lowering.kernels import segments

    segments.serves = lambda width: width > 1 and width & (width - 1) == 0


def network(graph: Graph, lowering: str = "portable", dtype: torch.dtype = torch.float64, **more: Any) -> Network:
    """A lively network: equal weights for equal graphs."""
    return lively(Network(graph, lowering, dtype=dtype, **more))


def inputs_for(graph: Graph, batch: int = BATCH, tokens: int | None = None, seed: int = 0) -> Tensor:
    """Random token ids or pixels."""
    generator = torch.Generator().manual_seed(seed)
    if not graph.is_text:
        return torch.rand(batch, 8, 8, 1, generator=generator, dtype=torch.float64)
    return torch.randint(32, (batch, tokens or graph.tokens), generator=generator)


def ids(output: Output) -> tuple[Tensor, ...]:
    """The choices of each routing step, to force them elsewhere."""
    return tuple(step.wanted for step in output.record)


def objective(output: Output) -> Tensor:
    """A scalar to which every logit matters differently."""
    flat = output.logits.double().flatten()
    weights = torch.linspace(-1, 1, flat.numel(), dtype=torch.float64, device=flat.device)
    return (flat * weights).sum() + flat.square().mean() + output.router_loss.double()


def gradients(network: Network, output: Output) -> dict[str, Tensor]:
    """Gradient of every parameter that trains; never None."""
    network.zero_grad()
    objective(output).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.requires_grad}


def error(found: Tensor, expected: Tensor, floor: float = 1e-6) -> float:
    """Largest difference, relative to the largest expected value (absolute below `floor`)."""
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).abs().max()) / max(float(expected.abs().max()), floor)


def require_equal(graph: Graph, dtype: torch.dtype = torch.float64, inputs: Tensor | None = None, **call: Any) -> None:
    """The fast network against the reference: outputs, statistics, every gradient; choices forced."""
    dtype = torch.float32 if INTERPRETED else dtype
    inputs = inputs_for(graph) if inputs is None else inputs
    reference, portable = (network(graph, name, dtype) for name in ("reference", FAST))
    expected = reference(inputs, record=True, **call)
    call.setdefault("routes", ids(expected))
    found = portable(inputs, record=True, **call)
    tolerance = TOLERANCE[dtype]
    assert error(found.logits, expected.logits) < tolerance
    assert error(found.router_loss, expected.router_loss) < tolerance
    for here, there in zip(found.stats, expected.stats, strict=True):
        assert torch.equal(here.counts, there.counts)
    wanted = gradients(reference, expected)
    for name, gradient in gradients(portable, found).items():
        floor = 1e-4 if dtype == torch.float32 else 1e-6  # a gradient of zero is what rounding leaves
        assert error(gradient, wanted[name], floor) < 50 * tolerance, name


def _members(name: str, count: int | None) -> tuple[Member, ...]:
    return (Member(name),) if count is None else tuple(Member(name, i) for i in range(count))


def _tokens(positions: Form) -> Form:
    return form("tokens", width=WIDTH, positions=positions, dropout=0.0, init=graphs.attention()["init"])


def _unembed() -> Form:
    return form("unembed", table=None, tied=False, norm=graphs.NORM, bias=False, init=graphs.attention()["init"])


def _image() -> Form:
    return form("image", size=(8, 8), channels=1, classes=5)


def _patches(positions: Form) -> Form:
    return form(
        "patches",
        width=WIDTH,
        size=4,
        positions=positions,
        class_token=False,
        bias=True,
        dropout=0.0,
        init=graphs.attention()["init"],
    )


def _classify() -> Form:
    return form("classify", pool="mean", norm=graphs.NORM, bias=True, init=graphs.attention()["init"])
