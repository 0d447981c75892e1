"""A network of one graph: parameters with stable names, and the program that a lowering made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.kinds.declared import buffers, declared, key_of
from dnac.lowering import errors
from dnac.lowering.base import Call, Lowering, Options, Output, Watch
from dnac.lowering.bind import Names, bind
from dnac.lowering.folded import folded_steps, with_folded
from dnac.lowering.knobs import ends, starts
from dnac.lowering.served import require_served
from dnac.lowering.suits import require_suited
from dnac.lowering.unread import Anchor, without_gradient
from dnac.passes import facts
from dnac.passes.pipeline import optimize
from dnac.schedule.build import build_schedule
from dnac.text.diagnostic import Faults
from dnac.text.suggest import nearest


class Network(Names):
    """A network as a `torch.nn.Module`, for anybody's training loop.

    State-dict keys, shapes and initial values depend on the graph and the seed only. `lowering` and
    `level` choose how it runs, never what it means; nor do `stream`, the type of the residual stream
    under autocast, and `choices` among a lowering's candidates (`schedule.candidates`).

    Raises:
        Faults: there is no such lowering, or it does not serve this type, device or graph.
    """

    graph: Graph
    """The graph as it was given; `level` changes only what runs."""
    optimized: Graph
    """What runs."""
    lowering: str
    notes: tuple[str, ...]
    """What could not be done as asked, each with its spec line."""
    is_compiled: bool
    compiled_by: str
    """`whole` or `steps`; empty where it is not compiled."""
    cuda_graphs: bool
    """Whether its compiled program is replayed as CUDA graphs."""
    decays: dict[str, bool]
    """Whether weight decay applies, by parameter."""
    router_parameters: frozenset[str]
    """Names of the routers' parameters."""
    routers: tuple[str, ...]
    """State-dict prefixes of all routers, in the order of the graph."""
    decodes: bool
    """Whether some router chooses in another way while generating: then `decode` makes a difference."""
    steps: tuple[str, ...]
    """The sites of all routing steps, in order: `Output.stats`, `routes` and the like go by it."""

    def __init__(  # noqa: PLR0913 - each is a choice of its own, and all but the graph are optional
        self,
        graph: Graph,
        lowering: str = "portable",
        device: torch.device | str = "cpu",
        dtype: torch.dtype | str = torch.float32,
        seed: int = 0,
        level: str = "O2",
        compile: bool = False,
        *,
        stream: torch.dtype | str | None = None,
        choices: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        device = torch.device(device)
        number = _dtype(dtype)
        strategy = _strategy(lowering, device, number)
        require_served(graph, lowering)
        optimized = optimize(graph, level)
        self.optimized, self.schedule = optimized, build_schedule(optimized)
        options = Options(_dtype(stream) if stream else None, dict(choices or {}))
        program = strategy.lower(optimized, self.schedule, options)
        suits = require_suited(optimized, self.schedule, lowering, device, options.choices)
        self.graph, self.lowering, self.notes = graph, lowering, (*program.notes, *suits)
        entries = declared(graph)
        self.decays = {entry.key: entry.spec.decays for entry in entries}
        self.router_parameters = frozenset(entry.key for entry in entries if entry.of_router)
        self.routers = tuple(key_of(router.name) for router in graph.routers)
        routes = [n for n in traits.unrolled(graph.nodes) if isinstance(n, Route)]
        self.steps = tuple(node.site for node in routes)
        self._slots = tuple(_slots(graph, node) for node in routes)
        self.decodes = any(facts.decodes(router) for router in graph.routers)
        self._float32 = frozenset(key for key, _ in buffers(graph))
        self._starts, self._ends = starts(graph), ends(graph)
        self._folded = folded_steps(graph, self.schedule)
        self.still = without_gradient(graph, self.schedule)
        """Keys of parameters that train and that no gradient needs to reach."""
        self.run: Callable[..., Output] = program.run
        self._compiler, self.stepped = program.compiler, program.stepped
        self.is_compiled, self.compiled_by, self.cuda_graphs = False, "", False
        bind(self, graph, device=device, dtype=number, seed=seed)
        if compile:
            from dnac.lowering.compile import compile_network

            compile_network(self)

    def forward(  # noqa: PLR0913 - each is a thing of its own, and all are optional
        self,
        inputs: Tensor,
        *,
        routes: Sequence[Tensor] | None = None,
        record: bool = False,
        seeds: Tensor | None = None,
        samples: Tensor | None = None,
        knobs: Tensor | None = None,
        route_masks: Sequence[Tensor] | None = None,
        module_gates: Sequence[Tensor] | None = None,
        decode: bool = False,
        watch: Watch | None = None,
    ) -> Output:
        """One pass. `inputs`: [B, T] ids with T at most the context, or images.

        routes: choices [B, T, K] for each routing step, instead of the routers' own (-1: empty).
            A step whose choice is fixed by the file has no choice, and ignores them.
        record: whether `Output.record` is filled.
        seeds, samples: words of the random draws (`Call`); knobs: values of scheduled numbers,
            else those at the start while training, and those at the end otherwise. route_masks, module_gates: see
            `Call`.
        decode: choose as while generating, where routers say how (`decodes`); else as in training.
        watch: is told of every increment; of an eager network alone.

        Raises:
            ValueError: a shape does not fit.
        """
        self._require_shapes(inputs, routes, route_masks, module_gates)
        if knobs is None:
            knobs = (self._starts if self.training else self._ends).to(inputs.device)
        forced, masks, gates = (_apart(each) for each in (routes, route_masks, module_gates))
        call = Call(inputs, forced, masks, gates, seeds, samples, knobs, decode, watch)
        weights = self.weights()
        output = self.run(weights, call, self.training, record)
        if self._folded:
            tokens = inputs.shape[1] if self.graph.is_text else self.graph.tokens
            output = with_folded(output, self._folded, inputs.shape[0], tokens, record=record)
        if self.still and torch.is_grad_enabled():
            output = output._replace(logits=Anchor.apply(output.logits, *(weights[key] for key in self.still)))
        return output

    def weights(self) -> dict[str, Tensor]:
        """Parameters and buffers by their names, as programs take them."""
        return dict(self.named_parameters()) | dict(self.named_buffers())

    @property
    def final_knobs(self) -> Tensor:
        """Scheduled numbers as they are when training has ended: [n] float64, on the CPU."""
        return self._ends

    @property
    def compiler(self) -> dict[str, Any]:
        """Options of `torch.compile` that its lowering wants."""
        return dict(self._compiler() if callable(self._compiler) else self._compiler)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """As torch's; selection biases and tables stay float32 whatever type the weights take."""
        before = {key: buffer for key, buffer in self.named_buffers() if key in self._float32}
        super()._apply(fn, recurse)
        for key, old in before.items():
            *path, name = key.split(".")
            level: Any = self
            for step in path:
                level = level._modules[step]
            now = level._buffers[name]
            if now.dtype != torch.float32:
                level._buffers[name] = old.to(now.device)
        return self

    def _require_shapes(
        self,
        inputs: Tensor,
        routes: Sequence[Tensor] | None,
        masks: Sequence[Tensor] | None,
        gates: Sequence[Tensor] | None,
    ) -> None:
        self._require_inputs(inputs)
        steps = len(self.steps)
        for name, given in (("routes", routes), ("route_masks", masks), ("module_gates", gates)):
            if given is not None and len(given) != steps:
                raise ValueError(f"{name} must hold one tensor per routing step, {steps} of them, not {len(given)}")
        tokens = inputs.shape[1] if self.graph.is_text else self.graph.tokens
        for site, slots, given in zip(self.steps, self._slots, routes or (), strict=routes is not None):
            wanted = [inputs.shape[0], tokens, slots]
            if slots and list(given.shape) != wanted:
                raise ValueError(f"routes at {site} must be [B, T, K] = {wanted}, not {list(given.shape)}")

    def _require_inputs(self, inputs: Tensor) -> None:
        if self.graph.is_text:
            if inputs.dim() != 2 or not 0 < inputs.shape[1] <= self.graph.tokens:
                wanted = f"[B, T] with T from 1 to {self.graph.tokens}"
                raise ValueError(f"inputs must be {wanted}, not {list(inputs.shape)}")
            if inputs.is_floating_point():
                raise ValueError(f"inputs must be token ids, whole numbers, not {inputs.dtype}")
            return
        size, channels = self.graph.input["size"], self.graph.input["channels"]
        wanted = [*size, channels]  # type: ignore[misc]
        if list(inputs.shape[1:]) != wanted:
            raise ValueError(
                f"inputs must be [B, height, width, channels], each image {wanted}, not {list(inputs.shape)}"
            )


def _slots(graph: Graph, node: Route) -> int:
    """K of a routing step whose choice can be forced; 0 where it is fixed."""
    router = graph.router[node.router]
    return 0 if facts.fixed_choice(router) is not None else facts.chosen_per_token(router)


def _apart(tensors: Sequence[Tensor] | None) -> tuple[Tensor, ...] | None:
    """The same values as objects of their own and in order: one object given twice, or other strides,
    would compile another program.
    """
    return None if tensors is None else tuple(tensor.contiguous().view(tensor.shape) for tensor in tensors)


def _dtype(of: torch.dtype | str) -> torch.dtype:
    return of if isinstance(of, torch.dtype) else getattr(torch, of)


def _strategy(name: str, device: torch.device, dtype: torch.dtype) -> Lowering:
    try:
        strategy: Lowering = catalogue.get("lowering", name)
    except catalogue.UnknownName:
        known = catalogue.names("lowering")
        raise Faults(errors.unknown_lowering(name, nearest(name, known), known)) from None
    if dtype not in strategy.dtypes:
        names = [str(known).removeprefix("torch.") for known in strategy.dtypes]
        raise Faults(errors.type_not_served(name, str(dtype).removeprefix("torch."), names))
    if device.type not in (*strategy.devices, "meta"):
        raise Faults(errors.device_not_served(name, device.type, strategy.devices))
    return strategy
