"""A schedule run for the newest tokens alone with static shapes: the host is never asked what a router chose.

Every row of a routing step runs with the gathered weights of its module; a choice of nothing runs too and is dropped.
So a token costs the same launches whatever it chooses, and one token is one CUDA graph (`captured`). It gives what
`decoder` gives, for nets that `serves.why_unsteady` has nothing against.

B sequences, n new tokens of each, D width, V outputs; K choices, M modules of a bank.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.lowering.base import Call
from dnac.lowering.decode.assignment import Assignment, assigned, of_every_module, places_of
from dnac.lowering.decode.newest import OfNewest
from dnac.lowering.decode.steady_frame import SteadyFrame
from dnac.lowering.decode.steady_ops import Looks, SteadyOps
from dnac.lowering.decode.stores import NOBODY, Stores
from dnac.lowering.device import constant
from dnac.lowering.frame import frame_of
from dnac.lowering.history import Together, joint
from dnac.lowering.interpret import Bound, Values
from dnac.lowering.modules import PartPlan, increment
from dnac.lowering.routing import Routing, slot_scales
from dnac.lowering.turns import Results, Turn
from dnac.lowering.weights import Stack
from dnac.schedule import instructions as do


class SteadyDecoder(OfNewest):
    """One network, token by token, in rooms of the context's length."""

    name = "steady"

    def __init__(self, graph: Graph, schedule: do.Schedule) -> None:
        self._stacked: dict[Hashable, Tensor] = {}
        """Weights of banks whose modules are apart, put together once."""
        super().__init__(graph, schedule)

    def widened(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights, those of routers in the type in which scores are computed: cast once, not for each token."""
        routers = set(self.names.keys_of(entry.name for entry in self.graph.routers))
        wide = lambda w: w.to(torch.promote_types(w.dtype, torch.float32))
        return {key: wide(weight) if key in routers else weight for key, weight in weights.items()}

    @torch.no_grad()
    def read(self, weights: Mapping[str, Tensor], call: Call, at: Tensor, stores: Stores) -> Tensor:
        """Logits [B, V] behind the last of the new tokens `call.inputs` [B, n], which stand at positions from `at` [1]
        int64 on; what they leave goes into the stores. Nobody checks that they fit into the context.
        """
        frame = frame_of(call, tokens=self.graph.tokens, is_text=True, training=False, record=False)
        frame = SteadyFrame(**{**vars(frame), "tells": False}, at=at, stores=stores)
        return self.run_all(Turn(frame, call, weights, self.whole, Results()))

    def embed_behind(self, embed: Bound, i: do.Embed, values: Values, turn: Turn) -> None:
        """The whole context is embedded, and the new tokens taken."""
        frame, new = _steady(turn), turn.call.inputs
        text = new.new_zeros((new.shape[0], self.graph.tokens)).index_copy(1, frame.positions(), new)
        embed(values, replace(turn, call=turn.call._replace(inputs=text)))
        values[i.out] = values[i.out].index_select(1, frame.positions())

    def _route(self, i: do.Route) -> Bound:
        route = super()._route(i)
        if i.head is not None or i.tally:
            return route

        def act(values: Values, turn: Turn) -> None:
            x = values[i.x]
            # scores are computed in float32: cast once, and not the router's matrix into three parts each time
            values[i.x] = x.to(torch.promote_types(x.dtype, torch.float32))
            route(values, turn)
            values[i.x] = x

        return act

    def _dense(self, i: do.Dense) -> Bound:
        plans, keys = self.plans[i.module.set], self._keys((i.module,))

        def act(values: Values, turn: Turn) -> None:
            x, inner, outer = values[i.x], None, None
            here = values[i.away] == 0 if i.away else None
            if i.gate is not None:
                inner, outer = slot_scales(values[i.gate[0]], i.gate[1])
            owner = None if here is None or i.copied else torch.where(here, 0, NOBODY)[..., None]
            ops = lambda plan: SteadyOps(_steady(turn), Assignment(), _looks_of_dense(i, turn, plan, owner))
            scale, present = (None if each is None else each.flatten(0, 1) for each in (inner, here))
            made = increment(plans, self.weigh(turn, keys), x.flatten(0, 1), ops, scale, None, present).view(x.shape)
            values[i.out] = made if outer is None else made * outer[..., None]

        return act

    def run_bank(self, i: do.Run) -> Bound:
        """Increments [B, n, K, D] of the bank's own choices, zero elsewhere."""
        run = self._bank(i)
        if self._sees(i) == "history" and i.out in self.mixing.get(i.routing, ()):
            return joint(self, i, run)

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = run(values, turn, "whole")

        return act

    def _bank(self, i: do.Run) -> Together:
        """What a bank makes in one pass over its keys, its queries or both (`history`)."""
        run, slots, sees = self._increments(i), i.make.slots, self._sees(i)
        places = places_of(slots, self.routers[self.router_at[i.routing]].size)

        def bank(values: Values, turn: Turn, only: str) -> Tensor:
            x, routing = values[i.rows], values[i.routing]
            place = routing.ids if places is None else constant(places, torch.int64, x.device)[routing.ids]
            if sees in ("everyone", "copied"):
                rows, owner, inner = of_every_module(routing, slots, sees)
                own = place.clamp(min=0)[..., None].expand(*place.shape, x.shape[-1])
                made = torch.gather(run(x, turn, only, rows, owner, inner), 2, own)
            else:
                rows = assigned(place, len(slots), is_one=turn.frame.tokens == 1)
                made = run(x, turn, only, rows, self._owner(i, turn, routing, place), routing.inner)
            return made.masked_fill((place < 0)[..., None], 0)

        return bank

    def _increments(self, i: do.Run) -> Callable[..., Tensor]:
        """Of tokens x [B, n, D], by (x, turn, pass, rows, owner [B, n, K], inner [B, n, K] or None): [B, n, K, D]."""
        plans, keys = self.plans[i.modules[0].set], self._keys(i.modules)

        def run(x: Tensor, turn: Turn, only: str, rows: Assignment, owner: Tensor, inner: Tensor | None) -> Tensor:
            weights = lambda plan: {name: self._stack(turn, stack) for name, stack in keys[plan.name].items()}
            ops = lambda plan: SteadyOps(_steady(turn), rows, self._looks(i, turn, plan, owner, only))
            x_ND = x[:, :, None].expand(-1, -1, rows.K, -1).flatten(0, 2)
            scale = None if inner is None else inner.flatten()
            return increment(plans, weights, x_ND, ops, scale).unflatten(0, (*x.shape[:2], -1))

        return run

    def combine(self, i: do.Combine) -> Bound:
        """Times the weights, summed over banks and choices."""

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            made: Tensor = values[i.rows[0]]
            for name in i.rows[1:]:
                made = made + values[name]
            made = made * routing.outer[..., None]
            values[i.out] = made[:, :, 0] if made.shape[2] == 1 else made.sum(2)

        return act

    def _sees(self, i: do.Run) -> str:
        """The rule by which tokens of a bank see one another."""
        return self.routers[self.router_at[i.routing]].sees

    def _owner(self, i: do.Run, turn: Turn, routing: Routing, place: Tensor) -> Tensor:
        """[B, n, K] who rows are to others: their slot, or a number of the network where other steps look."""
        if not self.carries:
            return routing.ids
        numbers = tuple(turn.names.numbers[str(member)] for member in i.modules)
        return constant((*numbers, NOBODY), torch.int64, place.device)[place]

    def _looks(self, i: do.Run, turn: Turn, plan: PartPlan, owner: Tensor, only: str) -> Looks:
        """Where rows of one part of a bank leave keys in a pass, and whom they see."""
        sees, band = self._sees(i), (turn.names.words[i.site], i.bank, plan.name)
        family: Hashable = band
        if sees == "history":
            family = ("history",)
        elif self.carries:
            family = "module", plan.name
        keeps, searches = only != "queries", only != "keys"
        return Looks(family, band, owner, sees == "history", keeps, searches, alone=sees == "peers")

    def _stack(self, turn: Turn, stack: Stack) -> Tensor:
        """A bank's weights [M, ...]: the tensor itself, or a copy that is made once."""
        if len(stack.pieces) == 1 and stack.pieces[0][2]:
            return stack.of(turn.weights)
        names = tuple((turn.names.keys.get(key, key), indices) for key, indices, _ in stack.pieces)
        if names not in self._stacked:
            self._stacked[names] = stack.of(turn.weights)
        return self._stacked[names]


def _looks_of_dense(i: do.Dense, turn: Turn, plan: PartPlan, owner: Tensor | None) -> Looks:
    """As `SteadyDecoder._looks`, of a module without a router."""
    band = turn.names.words[i.site], turn.names.words[str(i.module)], plan.name
    return Looks(band, band, owner)


def _steady(turn: Turn) -> SteadyFrame:
    assert isinstance(turn.frame, SteadyFrame)
    return turn.frame
