"""Which module a fault of training concerns, and where the file declares it: looked for only once there is a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from dnac.ir.graph import Graph, Origin
from dnac.kinds.declared import key_of
from dnac.lowering.base import Call
from dnac.lowering.interpret import Bound, Values
from dnac.lowering.strategies.reference import Reference
from dnac.lowering.turns import Turn
from dnac.passes.pipeline import optimize
from dnac.schedule import instructions as do
from dnac.schedule.build import build_schedule


def declared(origin: Origin | None) -> str:
    """`, declared at net.dna:14:5`; empty where it is not known."""
    return f", declared at {origin}" if origin else ""


def origin_of_weight(graph: Graph, weight: str) -> Origin | None:
    """Where the set that holds a tensor of the state dict was declared."""
    sets = (*graph.modules, *graph.routers, *graph.shared)
    owners = [s for s in sets if weight.startswith(f"{key_of(s.name)}.")]
    return max(owners, key=lambda s: len(s.name)).origin if owners else None


def places(graph: Graph) -> Callable[[str], str]:
    """Where a tensor of the state dict was declared, in words."""
    return lambda name: declared(origin_of_weight(graph, name))


def first_not_finite(network: nn.Module, graph: Graph, call: Call) -> str:
    """The module whose output is the first that is not finite, in words; empty where a router comes first, where all
    are finite, and where memory is short.

    The reference lowering runs the same batch once more, module by module.
    """
    graph = optimize(graph, "O0")
    weights: Mapping[str, Tensor] = dict(network.named_parameters()) | dict(network.named_buffers())
    try:
        with torch.no_grad():
            _Watch(graph, build_schedule(graph)).run(weights, call, training=True, record=False)
    except _NotFinite as found:
        return str(found)
    except RuntimeError:  # the reference needs more memory than the program that failed
        return ""
    return ""


def running(traceback: TracebackType | None, graph: Graph) -> str:
    """The set of modules at which an eager program was when it failed, in words; empty for a compiled one."""
    found = ""
    while traceback is not None:
        instruction = traceback.tb_frame.f_locals.get("i")
        if isinstance(instruction, do.Instruction):
            # turns of a repeat may share one function, so a number would be that of the first
            found = next((f"`{name}`{_declared(graph, name)}" for name, _, _ in _places(instruction)), found)
        traceback = traceback.tb_next
    return found


class _NotFinite(Exception):
    """Ends the search."""


class _Watch(Reference):
    """The reference, which stops at the first value that is not finite."""

    def bind(self, instruction: do.AnyInstruction) -> Bound:
        """Look at what each instruction made."""
        act = super().bind(instruction)
        if not isinstance(instruction, (do.Embed, do.Norm, do.Dense, do.Run, do.Head, do.Route)):
            return act

        def watched(values: Values, turn: Turn) -> None:
            act(values, turn)
            if isinstance(instruction, do.Route) and not bool(values[instruction.out].stats.finite):
                raise _NotFinite  # a router by itself, which is told as such
            for number, made in enumerate(_made(values, instruction)):
                if not bool(made.isfinite().all()):
                    raise _NotFinite(_named(self.graph, *list(_places(instruction))[number]))

        return watched


def _made(values: Values, instruction: do.AnyInstruction) -> Iterator[Tensor]:
    """The tensors of an instruction; of a routed module what the tokens got that chose it."""
    value: Any = values[instruction.out]
    if isinstance(instruction, do.Route):
        return
    if not isinstance(instruction, do.Run):
        yield value
        return
    ids = values[instruction.routing].ids
    for slot in instruction.make.slots:
        yield value[slot][(ids == slot).any(-1)]


def _places(instruction: do.Instruction) -> Iterator[tuple[str, str, str]]:
    """What an instruction computes: set of weights, module, site."""
    match instruction:
        case do.Embed(weights=name) | do.Norm(weights=name) | do.Head(weights=name):
            yield name, name, ""
        case do.Dense(module=module, site=site):
            yield module.set, str(module), site
        case do.Run(modules=modules, site=site):
            yield from ((module.set, str(module), site) for module in modules)
        case _:
            return


def _named(graph: Graph, of: str, module: str, site: str) -> str:
    at = f" at `{site}`" if site and site != module else ""
    return f"`{module}`{at}{_declared(graph, of)}"


def _declared(graph: Graph, of: str) -> str:
    return declared(next((s.origin for s in (*graph.modules, *graph.shared) if s.name == of), None))
