"""Compile a network, whole or by steps, and say what that took.

Whole: one graph, in which equal routing steps are written out. By steps: one graph for each distinct piece
(`lowering.stepped`), which equal steps share; compiling takes as long for many steps as for few, and each step
costs a call. `fullgraph`: a graph break is an error, so there are none. `dynamic=False`: one program per shape
of the inputs, mode (training or not) and kind of call (recorded, forced); routings, scheduled numbers and seeds
are values and never compile anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dnac.lowering import cuda_graphs as recording
from dnac.lowering import errors
from dnac.lowering.joined import JoinedGradients
from dnac.text.diagnostic import Diagnostic, Faults

if TYPE_CHECKING:
    from dnac.lowering.network import Network


@dataclass(frozen=True)
class CompileReport:
    """What compiling one network for one batch took."""

    seconds: float
    """Wall time of the first forward and backward pass, less that of the second."""
    graphs: int
    breaks: int
    logits: Tensor
    """What the network gave, for whoever compiles a loss."""


WAYS = ("whole", "steps")
"""What is compiled as one graph."""


def compile_network(network: Network, by: str = "whole", *, cuda_graphs: bool = False) -> Network:
    """The same network, compiled at its first call; uncompiled, with a note, where there is no compiler.

    by: `whole`, or `steps`, which compiles as `whole`, with a note, where no two routing steps are equal.
    cuda_graphs: replay each program as a CUDA graph (of a network compiled whole, on a GPU). Outputs of a call are
    then overwritten by the next one: whoever keeps them clones them.

    Raises:
        ValueError: CUDA graphs of a network that is not compiled whole, or on another device.
    """
    if cuda_graphs and (by != "whole" or next(network.parameters()).device.type != "cuda"):
        raise ValueError("CUDA graphs replay what is compiled `whole`, on a GPU")
    if by not in WAYS:
        raise ValueError(f"`by` is one of {', '.join(WAYS)}, not {by!r}")
    missing = missing_compiler(next(network.parameters()).device)
    if missing is not None:
        network.notes = (*network.notes, f"{missing.message}; {missing.help}")
        return network
    if by == "steps":
        network.notes = (*network.notes, *_notes(network))
    if by == "steps" and network.stepped is not None and not network.stepped.why_not:
        compiled = network.stepped.program(lambda piece: _compiled(network, piece, cuda_graphs=False))
        network.compiled_by = "steps"
    else:
        compiled = _compiled(network, network.run, cuda_graphs=cuda_graphs)
        network.compiled_by = "whole"
    network.run = _in_the_users_words(compiled)
    network.is_compiled, network.cuda_graphs = True, cuda_graphs
    return network


def _compiled(network: Network, run: Callable[..., Any], *, cuda_graphs: bool) -> Callable[..., Any]:
    options: Any = recording.options(network.compiler, cuda_graphs=cuda_graphs)
    return torch.compile(run, fullgraph=True, dynamic=False, options=options)


def _notes(network: Network) -> Iterator[str]:
    """What compiling by steps does not do."""
    if network.stepped is None:
        yield f"compiled whole: `{network.lowering}` gives no pieces"
    elif network.stepped.why_not:
        yield f"compiled whole: {network.stepped.why_not}"
    elif any(isinstance(each, JoinedGradients) for each in network.compiler.values()):
        yield "compiled by steps: weight gradients of a bank are added up step by step, not joined over routing steps"


def missing_compiler(device: torch.device) -> Diagnostic | None:
    """Why this machine cannot compile for a device, or None."""
    if device.type != "cpu":
        return None
    from torch._inductor import exc
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        return errors.no_compiler("no C++ compiler was found")
    return None


def measure(network: Network, inputs: Tensor, autocast: torch.dtype | None = None, **given: Tensor) -> CompileReport:
    """Compile for this batch, forward and backward, and count graphs, breaks and seconds.

    `given` (seeds, samples, knobs) goes to the network: a call with other arguments is another program.
    """
    from torch._dynamo.utils import counters

    before = _counted(counters)
    (first, logits), (second, _) = (_pass_seconds(network, inputs, autocast, given) for _ in range(2))
    graphs, breaks = (now - then for now, then in zip(_counted(counters), before, strict=True))
    return CompileReport(max(first - second, 0.0), graphs, breaks, logits)


def _pass_seconds(
    network: Network, inputs: Tensor, autocast: torch.dtype | None, given: Mapping[str, Tensor]
) -> tuple[float, Tensor]:
    start = time.perf_counter()
    with torch.autocast(inputs.device.type, autocast, enabled=autocast is not None):
        output = network(inputs, **given)
    (output.logits.float().square().mean() + output.router_loss).backward()
    network.zero_grad()
    return time.perf_counter() - start, output.logits.detach()


def _counted(counters: Any) -> tuple[int, int]:
    return counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())


def _in_the_users_words(compiled: Callable[..., Any]) -> Callable[..., Any]:
    from torch._dynamo.exc import TorchDynamoException

    def run(*args: Any) -> Any:
        try:
            return compiled(*args)
        except TorchDynamoException as error:
            raise Faults(errors.does_not_compile(str(error).strip().splitlines()[0])) from error

    return run
