"""The net itself, as `dnac train` runs it."""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any

import torch
from torch import Tensor

from dnac.bench.base import Program, Routes, Task, mean_loss
from dnac.lowering.compile import compile_network
from dnac.lowering.network import Network


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
    """Network and loss, compiled as `train` compiles them.

    Raises:
        Faults: as `network_of`.
    """
    network = network_of(task).train()
    eager = copy(network)  # the same weights
    loss_of = mean_loss
    if task.compile:
        compile_network(network)
        if network.is_compiled:
            loss_of = torch.compile(mean_loss, fullgraph=True, dynamic=False)
    autocast = task.types.autocast

    def run(net: Network, inputs: Tensor, **given: Any) -> Any:
        with torch.autocast(task.device.type, autocast, enabled=autocast is not None):
            return net(inputs, **given)

    def loss(inputs: Tensor, targets: Tensor, routes: Routes) -> Tensor:
        output = run(network, inputs, routes=routes)
        with warnings.catch_warnings():  # the compiler looks at `grad` of what it is given, which torch minds
            warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf", UserWarning)
            return loss_of(output.logits, targets) + output.router_loss

    def choices(inputs: Tensor) -> tuple[Tensor, ...]:
        """What the routers choose by themselves."""
        with torch.no_grad():
            return tuple(step.ids for step in run(eager, inputs, record=True).record)

    return Program("dnac", network, loss, {"choices": choices}, network.notes)
