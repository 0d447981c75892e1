"""The reference: every module on every token, then masked. It defines what is right.

Slow, eager, in any float type. It is not allowed to be clever: no sorting, no stacking, attention
written out, increments added up slot by slot. Sort and Gather do nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.kinds.present import AWAY
from dnac.lowering.attention import in_reach, written_out
from dnac.lowering.base import Lowering, Options, Program, TapLoss
from dnac.lowering.frame import Frame
from dnac.lowering.history import joint
from dnac.lowering.interpret import Bound, Interpreter, Values, slot_scales
from dnac.lowering.modules import PartPlan, increment
from dnac.lowering.ops_dense import Mix
from dnac.lowering.routing import Routing
from dnac.lowering.taps import Waiting
from dnac.lowering.turns import Turn
from dnac.schedule import instructions as do
from dnac.schedule.instructions import Schedule


def lower(graph: Graph, schedule: Schedule, options: Options) -> Program:
    """The schedule as a program."""
    return Reference(graph, schedule, options).program()


def among_all(frame: Frame, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """Attention of a module that runs for every token: all tokens of the sequence give keys."""
    at = frame.positions()
    return written_out(q, k, v, in_reach(at, at, causal=causal, window=window)[None])


def every_head(taps: Sequence[Waiting], step: Tensor | int) -> TapLoss:
    """Every head is asked, and the answer of the one whose turn it is is taken."""
    made = [TapLoss(tap.head(tap.x), tap.weight, tap.share) for tap in taps]
    place = int(step) % taps[0].every
    return made[place] if place < len(made) else made[0]._replace(weight=0.0)


class Reference(Interpreter):
    """Interprets a schedule, obviously."""

    name = "reference"
    mix = staticmethod(among_all)
    in_turn = staticmethod(every_head)
    runs_banks_whole = False

    def mix_of(self, here_BT: Tensor) -> Mix:
        """Only tokens that are here give keys; each sees itself too, so that a softmax is never of nothing."""

        def mix(frame: Frame, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
            at = frame.positions()
            itself = torch.eye(len(at), dtype=torch.bool, device=at.device)
            near = in_reach(at, at, causal=causal, window=window)[None]
            return written_out(q, k, v, near & here_BT[:, None, :] | itself)

        return mix

    def sort(self, i: do.Sort) -> Bound:
        """Nothing is sorted."""
        return _nothing

    def gather(self, i: do.Gather) -> Bound:
        """The rows of a bank are all tokens."""

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = values[i.x]

        return act

    def run_bank(self, i: do.Run) -> Bound:
        """Each module on every token; increments by candidate slot."""
        plans = self.plans[i.modules[0].set]
        keys = {member: self._keys((member,)) for member in i.modules}

        def run(values: Values, turn: Turn, only: str) -> dict[int, Tensor]:
            routing: Routing = values[i.routing]
            made: dict[int, Tensor] = {}
            for slot, member in zip(i.make.slots, i.modules, strict=True):

                def weights(plan: PartPlan, member: Any = member) -> dict[str, Tensor]:
                    return {name: stack.of(turn.weights)[0] for name, stack in keys[member][plan.name].items()}

                chosen = (routing.ids == slot).any(-1)
                away = routing.load.ids[..., 0] == AWAY if self._sees(i) == "copied" else None
                chosen = chosen if away is None else chosen | away
                mixes = self._mixes(i, turn, str(member), chosen, only)
                here = None if self._sees(i) == "everyone" else chosen
                ops = lambda plan, member=str(member), mixes=mixes, here=here: self._dense_ops(
                    turn, i.site, member, plan.name, mixes(plan.name), here
                )
                inner, _ = slot_scales(routing, slot)
                scaled = inner if routing.inner is not None else None
                here = None if away is None else ~away
                made[slot] = increment(plans, weights, values[i.rows], ops, scaled, None, here)
            return made

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = run(values, turn, "whole")

        if self._sees(i) == "history" and i.out in self.mixing.get(i.routing, ()):
            return joint(self, i, run)
        return act

    def combine(self, i: do.Combine) -> Bound:
        """The sum of all increments, each times its weight where its module was chosen."""

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            total: Tensor | None = None
            for rows in i.rows:
                for slot, made in values[rows].items():
                    chosen = (routing.ids == slot).any(-1)[..., None]
                    _, outer = slot_scales(routing, slot)
                    part = torch.where(chosen, made * outer[..., None], 0)
                    total = part if total is None else total + part
            values[i.out] = total

        return act

    def _sees(self, i: do.Run) -> str:
        return self.routers[self.router_at[i.routing]].sees

    def _mixes(self, i: do.Run, turn: Turn, member: str, chosen_BT: Tensor, only: str) -> Callable[[str], Mix]:
        """Attention of one routed module, by `sees` of its router."""
        sees = self._sees(i)
        number = turn.names.numbers[member]

        def mixes(part: str) -> Mix:
            def mix(frame: Frame, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
                at = frame.positions()
                near = in_reach(at, at, causal=causal, window=window)[None]
                if sees == "everyone":
                    return written_out(q, k, v, near)
                if only == "keys":
                    frame.history.append((k, v, chosen_BT))
                    return q  # nobody reads what this pass makes
                itself = torch.eye(len(at), dtype=torch.bool, device=at.device)
                if sees == "history":  # a token that is not here sees itself, since a softmax is never of nothing
                    seen = [near & chosen[:, None, :] for _, _, chosen in frame.history]
                    seen[-1] = seen[-1] | itself & ~chosen_BT[:, :, None]
                    keys, values = (torch.cat(every, dim=1) for every in list(zip(*frame.history, strict=True))[:2])
                    return written_out(q, keys, values, torch.cat(seen, dim=-1))
                steps = frame.earlier((number,), part) if sees in ("module", "first") else []
                if self.carries:
                    frame.carried.append(((number,), part, (k, v, chosen_BT)))
                if sees == "first" and steps:
                    k, v, chosen = steps[0]
                    return written_out(q, k, v, near & chosen[:, None, :])
                visible = [near & chosen[:, None, :] for _, _, chosen in steps]
                visible.append(near & chosen_BT[:, None, :] | itself)
                keys, values = (torch.cat(every, dim=1) for every in zip(*[s[:2] for s in steps], (k, v), strict=True))
                return written_out(q, keys, values, torch.cat(visible, dim=-1))

            return mix

        return mixes


def _nothing(values: Values, turn: Turn) -> None:
    return None


LOWERING = Lowering(
    name="reference",
    summary="every module on every token, masked: eager, any float type, the definition of right",
    devices=("cpu", "cuda"),
    dtypes=(torch.float64, torch.float32, torch.bfloat16, torch.float16),
    lower=lower,
)
