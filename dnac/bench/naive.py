"""What a researcher writes first: a loop over modules, boolean selection, rows padded per sequence, eager.

Each routing step asks, module by module, which tokens chose it, gathers them right-padded, runs the module, and
scatters the weighted increments back. Correct, and slow: the reference of "by how much" rather than of "right".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dnac import catalogue
from dnac.bench.base import NoBaseline, Program, Routes, Task, Types, mean_loss
from dnac.bench.dense import Angles, Ends, Norm, part_of
from dnac.bench.shape import twin_of
from dnac.ir import traits
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, Node, Route
from dnac.ir.graph import Norm as NormNode
from dnac.kinds.base import params_of
from dnac.kinds.module.attention import AttentionParams
from dnac.kinds.module.mlp import MlpParams
from dnac.kinds.router import carries, views
from dnac.passes.facts import chosen_per_token, field


class Block(nn.Module):
    """One module: its parts in sequence, their increments summed."""

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor, cos: Tensor | None, sin: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """The increment [B, n, D] of rows [B, n, D]."""
        total = torch.zeros_like(x)
        for part in self.parts:
            d = part(x, cos, sin, mask).to(x.dtype)
            x, total = x + d, total + d
        return total


class NaiveNet(nn.Module):
    """The net as its graph says, node by node."""

    def __init__(self, graph: Graph, types: Types, tokens: int) -> None:
        super().__init__()
        if graph.budgets:
            raise NoBaseline("no loop is written for budgets")
        self.nodes = tuple(traits.unrolled(graph.nodes))
        if any(isinstance(node, traits.BESIDE) for node in self.nodes):
            raise NoBaseline("no loop is written for tokens that leave or losses inside the net")
        for node in self.nodes:
            _require_plain(graph, node)
        plain = Types(types.weights, types.weights, types.stream)  # autocast narrows products, as a user would have it
        self.graph, self.types, self.is_causal = graph, types, graph.is_text
        self.ends = Ends(twin_of(graph, with_blocks=False), plain)
        params = {name: _params(graph, name) for name in graph.module}
        self.angles = Angles((p for each in params.values() for p in each), graph.width, tokens)
        self.places: dict[str, int] = {}
        self.blocks = nn.ModuleList()
        for entry in graph.modules:
            for i in (None,) if entry.count is None else range(entry.count):
                self.places[str(Member(entry.name, i))] = len(self.blocks)
                self.blocks.append(Block([part_of(p, graph.width, plain) for p in params[entry.name]]))
        self.norms = nn.ModuleDict(
            {s.name.replace(".", "/"): Norm(s.kind, graph.width, plain) for s in graph.shared if s.role == "norm"}
        )
        width = graph.width
        self.routers = nn.ParameterDict(
            {
                r.name.replace(".", "/"): nn.Parameter(
                    torch.empty(width, r.size, dtype=types.weights).normal_(std=0.02)
                )
                for r in graph.routers
            }
        )

    def forward(self, inputs: Tensor, targets: Tensor, routes: Routes) -> Tensor:
        """Inputs, targets and, if given, choices to the loss."""
        return mean_loss(self.logits(inputs, routes), targets)

    def logits(self, inputs: Tensor, routes: Routes) -> Tensor:
        """[B, T, V], or [B, classes]."""
        device = inputs.device.type
        with torch.autocast(device, self.types.autocast, enabled=self.types.autocast is not None):
            return self._run(inputs, routes)

    def _run(self, inputs: Tensor, routes: Routes) -> Tensor:
        values: dict[str, Tensor] = {}
        forced = iter(routes or ())
        for node in self.nodes:
            match node:
                case Embed():
                    values[node.id] = self.ends.embedded(inputs)
                case NormNode():
                    values[node.id] = self.norms[node.weights.replace(".", "/")](values[node.x])
                case Apply():
                    made = self._block(node.module)(values[node.view], self.angles.cos, self.angles.sin)
                    values[node.id] = values[node.x] + made.to(values[node.x].dtype)
                case Route():
                    values[node.id] = self._step(node, values, next(forced, None))
                case Head():
                    return self.ends.logits(values[node.x])
                case _:
                    raise NoBaseline("the net has parallel branches")
        raise NoBaseline("the net has no head")

    def _step(self, node: Route, values: dict[str, Tensor], forced: Tensor | None) -> Tensor:
        x, view = values[node.x], values[node.view]
        ids, weights = self._decide(node, view, forced)
        total = torch.zeros_like(x)
        for member in node.always:
            total = total + self._block(member)(view, self.angles.cos, self.angles.sin).to(x.dtype)
        for slot, member in enumerate(node.candidates):
            if not traits.is_identity(self.graph, member):
                total = self._add(total, self._block(member), view, ids == slot, weights)
        return x + total

    def _decide(self, node: Route, view: Tensor, forced: Tensor | None) -> tuple[Tensor, Tensor]:
        """Choices [B, T, K] and their weights."""
        router = self.graph.router[node.router]
        gate, weight = field(router, "gate"), field(router, "weight")
        with torch.autocast(view.device.type, enabled=False):
            wide = view.to(torch.promote_types(view.dtype, torch.float32))
            scores = wide @ self.routers[node.router.replace(".", "/")].to(wide.dtype)
            kind = catalogue.get("gate", gate.name)
            gates = kind.gate(params_of(kind, gate), scores)
            ids = gates.topk(chosen_per_token(router), dim=-1).indices if forced is None else forced
            chosen = gates.gather(-1, ids.clamp(min=0))
            return ids, catalogue.get("weight", weight.name).weigh(chosen, ids >= 0)

    def _add(self, total: Tensor, block: nn.Module, view: Tensor, chose: Tensor, weights: Tensor) -> Tensor:
        """`total` plus the weighted increments of the tokens that chose one module: `chose` [B, T, K]."""
        here = chose.any(-1)
        longest = int(here.sum(1).max())
        if longest == 0:
            return total
        at = torch.argsort((~here).int(), dim=1, stable=True)[:, :longest]
        width = view.shape[-1]
        wide = at[..., None].expand(-1, -1, width)
        real = here.gather(1, at)
        cos, sin = self.angles.cos, self.angles.sin
        if cos is not None and sin is not None:
            cos, sin = cos[at], sin[at]
        mask = None
        if not self.is_causal:
            itself = torch.eye(longest, dtype=torch.bool, device=at.device)
            mask = (real[:, None, :] | itself)[:, None]  # a padded row sees itself, or its softmax would be of nothing
        made = block(view.gather(1, wide), cos, sin, mask)
        weight = torch.where(chose, weights, 0).sum(-1).gather(1, at)[..., None]
        return total.scatter_add(1, wide, torch.where(real[..., None], made * weight, 0).to(total.dtype))

    def _block(self, member: Member) -> nn.Module:
        return self.blocks[self.places[str(member)]]


def program(task: Task) -> Program:
    """The loop on the task's device."""
    torch.manual_seed(task.seed)
    with torch.device(task.device):
        net = NaiveNet(task.graph, task.types, task.length)
    return Program("naive", net, net)


def _params(graph: Graph, name: str) -> list[AttentionParams | MlpParams]:
    found: list[Any] = []
    for part in graph.module[name].parts:
        params = params_of(catalogue.get("module", part.kind.name), part.kind)
        if not isinstance(params, (AttentionParams, MlpParams)):
            raise NoBaseline(f"no loop is written for `{part.kind.name}`")
        if params.bias or params.dropout or params.layer_dropout or getattr(params, "window", None):
            raise NoBaseline(f"`{part.kind.name}` has a bias, dropout or a window")
        found.append(params)
    return found


def _require_plain(graph: Graph, node: Node) -> None:
    """The loop knows DNA's router and those near it."""
    if not isinstance(node, Route):
        return
    router = graph.router[node.router]
    known = {
        "score": ("linear",),
        "noise": ("none",),
        "choose": ("top",),
        "limit": ("none",),
        "combine": ("delta",),
        "grad": ("soft",),
        "sees": ("peers",),
    }
    for name, words in known.items():
        if field(router, name).name not in words:
            raise NoBaseline(f"no loop is written for `{name} = {field(router, name).name}`")
    if carries(router.fields) or any(v.name not in ("raw_stream", "normed") for v in views(router.fields)):
        raise NoBaseline("no loop is written for what a router reads beside the stream")
    if field(router, "choose").get("groups") is not None:
        raise NoBaseline("no loop is written for groups of candidates")
    if catalogue.get("gate", field(router, "gate").name).closes:
        raise NoBaseline("no loop is written for gates that close")
    if router.fields["tau"] != 1.0 or router.fields["scale"] != 1.0:
        raise NoBaseline("no loop is written for tau or scale")
    terms: Any = router.fields["balance"] or ()
    if any(catalogue.get("balance", term.name).loss is not None for term in terms):
        raise NoBaseline("no loop is written for balance losses")
