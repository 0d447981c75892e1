"""The net itself, with its loss, as one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dnac.bench.base import Program, Routes, Task
from dnac.lowering import cuda_graphs
from dnac.lowering.base import Call
from dnac.lowering.compile import missing_compiler
from dnac.lowering.knobs import starts
from dnac.lowering.network import Network
from dnac.train.losses import whole_loss


def network_of(task: Task) -> Network:
    """The net with the task's lowering and types, not compiled.

    Raises:
        Faults: the lowering does not serve this device, type or graph.
    """
    more: dict[str, Any] = {}
    if task.types.stream != task.types.weights:
        more["stream"] = task.types.stream
    if task.choices:
        more["choices"] = dict(task.choices)
    return Network(task.graph, task.lowering, task.device, task.types.weights, task.seed, **more)


def program(task: Task) -> Program:
    """Network and loss, compiled as one graph.

    Raises:
        Faults: as `network_of`.
    """
    network = network_of(task).train()
    missing = missing_compiler(task.device) if task.compile else None
    notes = network.notes if missing is None else (*network.notes, f"{missing.message}; {missing.help}")
    step = _step(network)
    if task.compile and missing is None:
        options: Any = cuda_graphs.options(network.compiler, cuda_graphs=task.cuda_graphs)
        step = torch.compile(step, fullgraph=True, dynamic=False, options=options)
    weights = dict(network.named_parameters()) | dict(network.named_buffers())
    knobs = starts(task.graph).to(task.device)
    autocast = task.types.autocast

    def narrowed() -> Any:
        return torch.autocast(task.device.type, autocast, enabled=autocast is not None)

    def loss(inputs: Tensor, targets: Tensor, routes: Routes) -> Tensor:
        with narrowed():
            return step(weights, Call(inputs, routes, knobs=knobs), targets)[0]

    def choices(inputs: Tensor) -> tuple[Tensor, ...]:
        """What the routers choose by themselves."""
        with torch.no_grad(), narrowed():
            return tuple(step.ids for step in network(inputs, record=True).record)

    return Program("dnac", network, loss, {"choices": choices}, notes)


def _step(network: Network) -> Callable[[dict[str, Tensor], Call, Tensor], tuple[Tensor, Any]]:
    """Loss and statistics of a train step. The loss is inside, so that the logits' memory can serve their gradient."""
    run = network.run

    def step(weights: dict[str, Tensor], call: Call, targets: Tensor) -> tuple[Tensor, Any]:
        output = run(weights, call, True, False)
        loss = whole_loss(output, targets, label_smoothing=0.0, count=targets.numel())
        return loss + output.router_loss, output.stats

    return step
