"""The optimizer's tensors under names: `exp_avg/nodes.block.mlp.up`, `step/nodes.block.mlp.up`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dnac.text.diagnostic import Faults
from dnac.train import errors
from dnac.train.checkpoint import Checkpoint
from dnac.train.tensor_file import names_in

FILE = "optimizer"


def moments(network: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """All state of the optimizer; weights that never had a gradient have none."""
    return {
        f"{key}/{name}": tensor
        for name, parameter in network.named_parameters()
        for key, tensor in optimizer.state.get(parameter, {}).items()
    }


def load_moments(checkpoint: Checkpoint, network: nn.Module, optimizer: Optimizer) -> None:
    """Give an optimizer that has made no update the state of a checkpoint.

    Raises:
        Faults: the state belongs to other weights.
    """
    parameters = dict(network.named_parameters())
    names = [name.split("/", 1) for name in names_in(checkpoint.path / f"{FILE}.safetensors")]
    if strange := sorted({weight for _, weight in names} - parameters.keys()):
        raise Faults(errors.checkpoint_does_not_fit(checkpoint.name, [f"`{w}` is not in the net" for w in strange]))
    keys = sorted({key for key, _ in names})
    weights = sorted({weight for _, weight in names})
    state = {(key, weight): _empty(key, parameters[weight]) for key in keys for weight in weights}
    checkpoint.load(FILE, {f"{key}/{weight}": tensor for (key, weight), tensor in state.items()})
    for weight in weights:
        optimizer.state[parameters[weight]] = {key: state[key, weight] for key in keys}


def _empty(key: str, parameter: Tensor) -> Tensor:
    """Counters of updates are float32 scalars, moments are like their weight."""
    if key == "step":
        return torch.zeros((), dtype=torch.float32, device=parameter.device)
    return torch.zeros_like(parameter)
