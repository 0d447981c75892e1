"""A schedule run for the newest tokens alone: each through the modules that it chose, earlier ones by what they left.

The reference computes a window anew for every token; this gives the same logits up to rounding, for nets whose tokens
decide by themselves (`serves`). Eager, on any device: a routing step asks the host once which modules were chosen.

B sequences, n new tokens of each, D width, V outputs; R rows of a module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dnac.ir.graph import Graph
from dnac.kinds.limits import Room
from dnac.kinds.present import AWAY
from dnac.lowering.base import Call
from dnac.lowering.decode.cache import Cache, Rows
from dnac.lowering.decode.newest import OfNewest
from dnac.lowering.decode.ops import CachedOps
from dnac.lowering.frame import Frame, frame_of
from dnac.lowering.history import joint
from dnac.lowering.interpret import Bound, Values
from dnac.lowering.modules import PartPlan, increment
from dnac.lowering.routing import Routing, slot_scales
from dnac.lowering.turns import Results, Turn
from dnac.schedule import instructions as do

Admit = Callable[[Any, Tensor, Tensor, Room], Tensor]


@dataclass
class Later(Frame):
    """A frame of tokens that stand behind others."""

    cache: Cache | None = None
    ran: int = 0
    """Runs of modules so far in this pass."""
    first: dict[int, int] = field(default_factory=dict)
    """Of each module, the run at which it could run first."""

    def positions(self) -> Tensor:
        """[n] int64: position in the sequence."""
        assert self.cache is not None
        return self.cache.tokens + torch.arange(self.tokens, device=self.inputs.device)


class Decoder(OfNewest):
    """One network, token by token. Only for a graph that `serves.why_not` has nothing against.

    `Decoder(network.optimized, network.schedule).read(network.weights(), call, cache)`, again and again with one cache.
    """

    name = "decode"
    runs_banks_whole = False

    def __init__(self, graph: Graph, schedule: do.Schedule) -> None:
        super().__init__(graph, schedule)
        for name, router in self.routers.items():
            kind, params = router.limit
            if kind.admit is not None:
                admit = partial(self._admit, kind.admit)
                self.routers[name] = replace(router, limit=(replace(kind, admit=admit), params))
        self._here: tuple[Cache, int] | None = None
        """The cache, and the routing step that decides now: whom a limit asks who came before."""

    @torch.no_grad()
    def read(self, weights: Mapping[str, Tensor], call: Call, cache: Cache) -> Tensor:
        """Logits [B, V] behind the last of the new tokens `call.inputs` [B, n]; what they leave goes into the cache.

        Raises:
            ValueError: the sequence would be longer than the context.
        """
        if cache.tokens + call.inputs.shape[1] > self.graph.tokens:
            raise ValueError(
                f"{cache.tokens} + {call.inputs.shape[1]} tokens exceed the context of {self.graph.tokens}"
            )
        frame = frame_of(call, tokens=self.graph.tokens, is_text=True, training=False, record=False)
        turn = Turn(Later(**vars(frame), cache=cache), call, weights, self.whole, Results())
        logits = self.run_all(turn)
        cache.tokens += call.inputs.shape[1]
        return logits

    def embed_behind(self, embed: Bound, i: do.Embed, values: Values, turn: Turn) -> None:
        """Earlier tokens are given as zeros, and left out again."""
        new = turn.call.inputs
        call = turn.call._replace(inputs=functional.pad(new, (_cache(turn).tokens, 0)))
        embed(values, replace(turn, call=call))
        values[i.out] = values[i.out][:, -new.shape[1] :]

    def _route(self, i: do.Route) -> Bound:
        route = super()._route(i)

        def act(values: Values, turn: Turn) -> None:
            self._here = _cache(turn), turn.names.steps[i.step]
            route(values, turn)

        return act

    def _admit(self, admit: Admit, params: Any, ids: Tensor, gates: Tensor, room: Room) -> Tensor:
        """What a limit lets through, when it sees the choices of all tokens so far: [B, n, K]."""
        assert self._here is not None
        cache, step = self._here
        kept = cache.at(("limit", step))
        kept.add(ids.transpose(0, 1), gates.transpose(0, 1))
        all_ids, all_gates = (each.transpose(0, 1) for each in kept.all())
        return admit(params, all_ids, all_gates, room)[:, -ids.shape[1] :]

    def _dense(self, i: do.Dense) -> Bound:
        member, keys = str(i.module), self._keys((i.module,))

        def act(values: Values, turn: Turn) -> None:
            x, inner = values[i.x], None
            here = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if not i.away else values[i.away] == 0
            runs = torch.ones_like(here) if i.copied else here
            weights = lambda plan: {name: self._one(turn, stack) for name, stack in keys[plan.name].items()}
            where = turn.names.words[i.site], turn.names.words[member]
            ops = _ops_of(turn, _rows_of(turn, runs), where)
            outer = None
            if i.gate is not None:
                inner, outer = slot_scales(values[i.gate[0]], i.gate[1])
            made = _run(self.plans[i.module.set], weights, x, runs, ops, inner, here)
            values[i.out] = _spread(x, runs, made if outer is None else made * outer[runs][:, None])

        return act

    def run_bank(self, i: do.Run) -> Bound:
        """Each module that some token chose, on these tokens; increments by candidate slot."""
        plans = self.plans[i.modules[0].set]
        keys = {member: self._keys((member,)) for member in i.modules}

        def run(values: Values, turn: Turn, only: str) -> dict[int, tuple[Tensor, Tensor]]:
            routing: Routing = values[i.routing]
            away = routing.load.ids[..., 0] == AWAY if sees == "copied" else None
            others_run = sees == "everyone" or (away is not None and bool(away.any()))
            wanted = set(routing.ids.unique().tolist())
            made: dict[int, tuple[Tensor, Tensor]] = {}
            for slot, member in zip(i.make.slots, i.modules, strict=True):
                number = turn.names.numbers[str(member)]
                first = _later(turn).first.setdefault(number, _later(turn).ran)
                leaves = "queries" if is_shared and first < _later(turn).ran else only
                if slot not in wanted and not others_run:
                    continue
                runs = routing.ids == slot
                runs = torch.ones_like(runs[..., 0]) if sees == "everyone" else runs.any(-1)
                runs = runs if away is None else runs | away
                found = keys[member]
                weights = lambda plan, found=found: {n: self._one(turn, s) for n, s in found[plan.name].items()}
                ops = _ops_of(turn, _rows_of(turn, runs), self._who(turn, i, str(member), sees), sees, leaves, first)
                inner = None if routing.inner is None else slot_scales(routing, slot)[0]
                here = None if away is None else ~away
                made[slot] = runs, _run(plans, weights, values[i.rows], runs, ops, inner, here)
            return made

        def act(values: Values, turn: Turn) -> None:
            _later(turn).ran += 1
            values[i.out] = run(values, turn, "whole")

        sees = self.routers[self.router_at[i.routing]].sees
        is_shared = sees == "first" and all(router.sees != "module" for router in self.routers.values())
        if sees == "history" and i.out in self.mixing.get(i.routing, ()):
            together = joint(self, i, run)

            def step(values: Values, turn: Turn) -> None:
                _later(turn).ran += i.out == self.mixing[i.routing][0]
                together(values, turn)

            return step
        return act

    def combine(self, i: do.Combine) -> Bound:
        """The sum of all increments, each times its weight where its module was chosen."""

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            total: Tensor | None = None
            for rows in i.rows:
                for slot, (runs, made) in values[rows].items():
                    _, outer = slot_scales(routing, slot)
                    part = _spread(made, runs, made * outer[runs][:, None])
                    total = part if total is None else total + part
            nothing = routing.outer.new_zeros((*routing.ids.shape[:2], self.graph.width))
            values[i.out] = nothing if total is None else total

        return act

    def _who(self, turn: Turn, i: do.Run, member: str, sees: str) -> tuple[Any, ...]:
        """Under which key rows of a routed module are kept; see `cache`."""
        if sees == "history":
            return ("history",)
        if self.carries:
            return "module", turn.names.numbers[member]
        return turn.names.words[i.site], turn.names.words[member]


Weigh = Callable[[PartPlan], Mapping[str, Tensor]]


def _run(  # noqa: PLR0913 - as `increment`
    plans: tuple[PartPlan, ...],
    weights: Weigh,
    x: Tensor,
    runs: Tensor,
    ops: Callable[[PartPlan], CachedOps],
    inner: Tensor | None,
    here: Tensor | None,
) -> Tensor:
    """The increments [R, D] of the tokens of x [B, n, D] that run; `inner` and `here` are [B, n]."""
    rows, own = x[runs], None if inner is None else inner[runs]
    return increment(plans, weights, rows, ops, own, None, None if here is None else here[runs])


def _ops_of(
    turn: Turn, rows: Rows, who: tuple[Any, ...], sees: str = "peers", only: str = "whole", first: int = 0
) -> Callable[[PartPlan], CachedOps]:
    def ops(plan: PartPlan) -> CachedOps:
        key = who if who == ("history",) else (*who, plan.name)
        earlier, at_first = sees in ("module", "first", "history"), first if sees == "first" else None
        keeps, looks = only != "queries", only != "keys"
        return CachedOps(turn.frame, _cache(turn), key, rows, earlier, keeps, looks, at_first)

    return ops


def _rows_of(turn: Turn, runs: Tensor) -> Rows:
    """Whose the rows of `runs` [B, n] are."""
    sample, token = runs.nonzero(as_tuple=True)
    return Rows(sample, turn.frame.positions()[token], torch.full_like(sample, _later(turn).ran))


def _spread(like: Tensor, runs: Tensor, rows: Tensor) -> Tensor:
    """Rows [R, D] at their tokens of `runs` [B, n]; zero elsewhere."""
    whole = like.new_zeros((*runs.shape, rows.shape[-1]), dtype=rows.dtype)
    whole[runs] = rows
    return whole


def _cache(turn: Turn) -> Cache:
    cache = _later(turn).cache
    assert cache is not None
    return cache


def _later(turn: Turn) -> Later:
    assert isinstance(turn.frame, Later)
    return turn.frame
