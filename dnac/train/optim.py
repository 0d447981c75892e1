"""The optimizer over parameter groups, and modules that rest while no token reaches them.

Groups: weights that decay and weights that do not (each weight's own declaration), routers apart
because their learning rate has its own factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dnac import catalogue
from dnac.ir.graph import Apply, Graph, Member, Node, Route
from dnac.ir.traits import owners, unrolled
from dnac.kinds.base import params_of
from dnac.kinds.declared import declared, key_of
from dnac.kinds.train import TrainParams
from dnac.train.routing import routing_steps

Idle = Mapping[str, Tensor]
"""Module set to [count] bool: modules of it that got no token in this train step."""


def build_optimizer(network: nn.Module, graph: Graph, train: TrainParams) -> Optimizer:
    """The file's optimizer with `lr` still 0: `set_lr` gives it before each update."""
    kind = catalogue.get("optimizer", train.optimizer.name)
    return kind.make(params_of(kind, train.optimizer), list(_groups(network, graph, train)))


def set_lr(optimizer: Optimizer, lr: float, router_factor: float = 1.0, body_factor: float = 1.0) -> None:
    """Give each group its rate: `lr` times the factor of routers, or of all else. At 0 a weight stays as it is."""
    for group in optimizer.param_groups:
        group["lr"] = lr * (router_factor if group["of_router"] else body_factor)


def idle_modules(graph: Graph, counts: Iterable[Tensor]) -> dict[str, Tensor]:
    """Modules that are only reached by routing and got no token in this train step."""
    tokens: dict[str, Tensor] = {}
    for step, choices in zip(routing_steps(graph), counts, strict=True):
        for member, count in zip(step.candidates, choices, strict=False):
            for name in owners(graph, member.set):
                here = tokens.setdefault(name, torch.zeros(graph.module[name].count or 1, device=count.device))
                here[member.index or 0] += count
    for member in _always(graph.nodes):
        for name in owners(graph, member.set):
            if name in tokens:
                tokens[name][member.index or 0] += 1
    return {name: counts == 0 for name, counts in tokens.items()}


@contextmanager
def held(optimizer: Optimizer, network: nn.Module, idle: Idle) -> Iterator[None]:
    """Around `optimizer.step()`: weights and moments of idle modules come out as they went in."""
    slices = [
        (tensor, idle[owner], tensor.detach()[_rows(tensor, idle[owner])].clone())
        for name, parameter in network.named_parameters()
        if (owner := owner_of(name, idle)) is not None
        for tensor in (parameter, *_moments(optimizer, parameter))
    ]
    yield
    with torch.no_grad():
        for tensor, mask, before in slices:
            tensor[_rows(tensor, mask)] = before


def _groups(network: nn.Module, graph: Graph, train: TrainParams) -> Iterator[dict[str, object]]:
    parameters = dict(network.named_parameters())
    trained = [d for d in declared(graph) if d.trains]
    for of_router, decays in product((False, True), (True, False)):
        chosen = [parameters[d.key] for d in trained if (d.of_router, d.spec.decays) == (of_router, decays)]
        if chosen:
            kept = {} if decays else {"weight_decay": 0.0}
            yield {"params": chosen, "lr": 0.0, "of_router": of_router, **kept}


def _always(nodes: Iterable[Node]) -> Iterator[Member]:
    """Modules that run for every token, whatever is chosen."""
    for node in unrolled(nodes):
        if isinstance(node, Apply):
            yield node.module
        elif isinstance(node, Route):
            yield from node.always


def owner_of(name: str, sets: Iterable[str]) -> str | None:
    """The set of modules, of those given, that a parameter belongs to."""
    matches: Callable[[str], bool] = lambda s: name.startswith(f"{key_of(s)}.")
    return max(filter(matches, sets), key=len, default=None)


def _rows(tensor: Tensor, mask: Tensor) -> Tensor:
    """The idle rows of a stack; a single module (its weights have no stacking axis) rests whole."""
    return mask.expand(tensor.shape[0])


def _moments(optimizer: Optimizer, parameter: Tensor) -> list[Tensor]:
    return [t for t in optimizer.state.get(parameter, {}).values() if t.shape == parameter.shape]
