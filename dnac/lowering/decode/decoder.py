"""A schedule run for the newest tokens alone: each through the modules that it chose, earlier ones by what they left.

The reference computes a window anew for every token; this gives the same logits up to rounding, for nets whose tokens
decide by themselves (`serves`). Eager, on any device: a routing step asks the host once which modules were chosen.

B sequences, n new tokens of each, D width, V outputs; R rows of a module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dnac.ir.graph import Graph
from dnac.kinds.limits import Room
from dnac.kinds.present import AWAY
from dnac.lowering.base import Call
from dnac.lowering.decode.cache import Cache
from dnac.lowering.decode.newest import OfNewest
from dnac.lowering.decode.picked import LaterFrame, Picked, cache_of, later, spread
from dnac.lowering.frame import frame_of
from dnac.lowering.history import Together, joint
from dnac.lowering.interpret import Bound, Values
from dnac.lowering.routing import Routing, slot_scales
from dnac.lowering.turns import Results, Turn
from dnac.schedule import instructions as do

Admit = Callable[[Any, Tensor, Tensor, Room], Tensor]


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
        turn = Turn(LaterFrame(**vars(frame), cache=cache), call, weights, self.whole, Results())
        logits = self.run_all(turn)
        cache.tokens += call.inputs.shape[1]
        return logits

    def embed_behind(self, embed: Bound, i: do.Embed, values: Values, turn: Turn) -> None:
        """Earlier tokens are given as zeros, and left out again."""
        new = turn.call.inputs
        call = turn.call._replace(inputs=functional.pad(new, (cache_of(turn).tokens, 0)))
        embed(values, replace(turn, call=call))
        values[i.out] = values[i.out][:, -new.shape[1] :]

    def _route(self, i: do.Route) -> Bound:
        route = super()._route(i)

        def act(values: Values, turn: Turn) -> None:
            self._here = cache_of(turn), turn.names.steps[i.step]
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
            x, inner, outer = values[i.x], None, None
            here = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if not i.away else values[i.away] == 0
            runs = torch.ones_like(here) if i.copied else here
            if i.gate is not None:
                inner, outer = slot_scales(values[i.gate[0]], i.gate[1])
            who = turn.names.words[i.site], turn.names.words[member]
            made = Picked(turn, runs, who, here).increments(self.plans[i.module.set], self.weigh(turn, keys), x, inner)
            values[i.out] = spread(x, runs, made if outer is None else made * outer[runs][:, None])

        return act

    def run_bank(self, i: do.Run) -> Bound:
        """Each module that some token chose, on these tokens; increments by candidate slot."""
        run = self._bank(i)

        def act(values: Values, turn: Turn) -> None:
            later(turn).ran += 1
            values[i.out] = run(values, turn, "whole")

        if self._sees(i) != "history" or i.out not in self.mixing.get(i.routing, ()):
            return act
        together = joint(self, i, run)

        def step(values: Values, turn: Turn) -> None:
            later(turn).ran += i.out == self.mixing[i.routing][0]
            together(values, turn)

        return step

    def _bank(self, i: do.Run) -> Together:
        """What a bank makes in one pass over its keys, its queries or both (`history`): of each candidate slot that
        runs, the tokens [B, n] and their increments [R, D].
        """
        sees, plans = self._sees(i), self.plans[i.modules[0].set]
        keys = {member: self._keys((member,)) for member in i.modules}

        def run(values: Values, turn: Turn, only: str) -> dict[int, tuple[Tensor, Tensor]]:
            routing: Routing = values[i.routing]
            here = routing.load.ids[..., 0] != AWAY if sees == "copied" else None
            others_run = sees == "everyone" or (here is not None and not bool(here.all()))
            wanted = set(routing.ids.unique().tolist())
            made: dict[int, tuple[Tensor, Tensor]] = {}
            for slot, member in zip(i.make.slots, i.modules, strict=True):
                first = self._first(turn, str(member))
                if slot not in wanted and not others_run:
                    continue
                runs = _who_runs(routing, slot, sees, here)
                leaves = "queries" if self._leaves_nothing(turn, sees, first) else only
                picked = Picked(turn, runs, self._who(turn, i, str(member), sees), here, sees, leaves, first)
                inner = None if routing.inner is None else slot_scales(routing, slot)[0]
                made[slot] = runs, picked.increments(plans, self.weigh(turn, keys[member]), values[i.rows], inner)
            return made

        return run

    def combine(self, i: do.Combine) -> Bound:
        """The sum of all increments, each times its weight where its module was chosen."""

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            total: Tensor | None = None
            for rows in i.rows:
                for slot, (runs, made) in values[rows].items():
                    _, outer = slot_scales(routing, slot)
                    part = spread(made, runs, made * outer[runs][:, None])
                    total = part if total is None else total + part
            nothing = routing.outer.new_zeros((*routing.ids.shape[:2], self.graph.width))
            values[i.out] = nothing if total is None else total

        return act

    def _sees(self, i: do.Run) -> str:
        """The rule by which tokens of a bank see one another."""
        return self.routers[self.router_at[i.routing]].sees

    def _first(self, turn: Turn, member: str) -> int:
        """The run of modules in this pass at which a module could run first."""
        frame = later(turn)
        return frame.first.setdefault(turn.names.numbers[member], frame.ran)

    def _leaves_nothing(self, turn: Turn, sees: str, first: int) -> bool:
        """Whether a module's later runs leave no keys: under `sees = first`, unless others look at all of its runs."""
        return sees == "first" and first < later(turn).ran and all(r.sees != "module" for r in self.routers.values())

    def _who(self, turn: Turn, i: do.Run, member: str, sees: str) -> tuple[Any, ...]:
        """Under which key rows of a routed module are kept; see `cache`."""
        if sees == "history":
            return ("history",)
        if self.carries:
            return "module", turn.names.numbers[member]
        return turn.names.words[i.site], turn.names.words[member]


def _who_runs(routing: Routing, slot: int, sees: str, here: Tensor | None) -> Tensor:
    """[B, n] bool: the tokens that run a candidate: those that chose it; all; or, besides, those that have left."""
    chosen = (routing.ids == slot).any(-1)
    if sees == "everyone":
        return torch.ones_like(chosen)
    return chosen if here is None else chosen | ~here
