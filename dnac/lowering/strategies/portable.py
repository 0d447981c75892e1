"""Portable: sorted rows, one grouped product per weight; static shapes, any device, any float type.

One stable sort per routing step brings the rows of each module together. A bank of modules then
runs as grouped products over its rows, in that order from its first norm to its last product.
Attention among peers goes back to token order, where a mask says who chose the same module. Rows of
identities are never computed. The result comes back by the inverse order and a sum over the K
choices: no atomics, so two runs give the same bits. It loses to kernels that keep attention and
dispatch in sorted order; those belong in a strategy of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.kinds.present import AWAY
from dnac.lowering.attention import by_sdpa, in_reach
from dnac.lowering.base import Lowering, Options, Program
from dnac.lowering.device import constant, is_at_hand
from dnac.lowering.frame import Frame
from dnac.lowering.history import joint
from dnac.lowering.interpret import Bound, Interpreter, Values, slot_scales
from dnac.lowering.modules import PartPlan, increment, watching
from dnac.lowering.ops_dense import Mix, mix_all
from dnac.lowering.ops_rows import RowOps, RowSet
from dnac.lowering.routing import Routing
from dnac.lowering.rows import BankRows, Order, bank_rows, cleared, from_bank, own_rows, sort_rows, to_bank
from dnac.lowering.turns import Turn
from dnac.schedule import instructions as do
from dnac.schedule.instructions import Schedule


def lower(graph: Graph, schedule: Schedule, options: Options) -> Program:
    """The schedule as a program."""
    return Portable(graph, schedule, options).program()._replace(compiler=_compiler)


def _compiler() -> dict[str, Any]:
    """Weight gradients joined over routing steps, on a CPU; looked up late, since it loads torch's compiler."""
    from dnac.lowering.joined import JoinedGradients

    return {"post_grad_custom_pre_pass": JoinedGradients()}


class Portable(Interpreter):
    """Runs routed modules on sorted rows."""

    name = "portable"
    mix = staticmethod(mix_all)

    def mix_of(self, here_BT: Tensor) -> Mix:
        """Only tokens that are here give keys; each sees itself too, so that a softmax is never of nothing."""

        def mix(frame: Frame, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
            at = frame.positions()
            itself = torch.eye(at.shape[0], dtype=torch.bool, device=at.device)
            near = in_reach(at[None], at[None], causal=causal, window=window)
            return by_sdpa(q, k, v, near & here_BT[:, None, :] | itself)

        return mix

    def _dense(self, i: do.Dense) -> Bound:
        """As for all tokens; where some have left, the others alone, as rows of a bank of one module."""
        plans, keys = self.plans[i.module.set], self._keys((i.module,))
        # keys of tokens that left: an attention that reads what the parts before it made is run for all
        if not i.away or i.gate is not None or (i.copied and _needs_all(plans)):
            return super()._dense(i)

        whole = super()._dense(replace(i, away=""))

        def act(values: Values, turn: Turn) -> None:
            all_stay = self.all_stay(turn.frame.training)
            if all_stay or (is_at_hand(values[i.away]) and not values[i.away].any()):
                return whole(values, turn)
            x_BTD = values[i.x]
            number = turn.names.numbers[str(i.module)]
            here_BT = values[i.away] == 0
            rows = own_rows(sort_rows(torch.where(here_BT, 0, -1)[..., None], (0,), 1), 0, 1)
            places = RowSet(
                rows=rows,
                K=1,
                module_BR=torch.where(here_BT, number, -1),
                numbers=(number,),
                names=(turn.names.words[str(i.module)],),
                sees="everyone" if i.copied else "peers",
                tokens_BTD=x_BTD,
            )

            def weights(plan: PartPlan) -> dict[str, Tensor]:
                return {name: stack.of(turn.weights) for name, stack in keys[plan.name].items()}

            ops = lambda plan: RowOps(turn.frame, turn.names.words[i.site], places, plan.name)
            x_ND = cleared(to_bank(x_BTD.flatten(0, 1), rows), rows)
            told = watching(turn.frame, i.site, (str(i.module),), places)
            made_ND = cleared(increment(plans, weights, x_ND, ops, None, told), rows)
            values[i.out] = from_bank(made_ND, rows).view(x_BTD.shape)

        return act

    def sort(self, i: do.Sort) -> Bound:
        """One stable sort of the rows by module."""

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            values[i.out] = sort_rows(routing.ids, i.runs, routing.load.gates.shape[-1])

        return act

    def gather(self, i: do.Gather) -> Bound:
        """The view of each row's token, the bank's own rows first."""
        first, count = self.ranks[i.order, i.bank]

        def act(values: Values, turn: Turn) -> None:
            whole: Order = values[i.order]
            rows = own_rows(whole, first, count)
            x_BTD = values[i.x]
            B, T, D = x_BTD.shape
            K = whole.order.shape[0] // (B * T)
            x_ND = to_bank(x_BTD[:, :, None].expand(B, T, K, D).reshape(-1, D), rows)
            # dead rows: no gradient may leave them, whatever a kind's formula does with zeros
            values[i.out] = rows, cleared(x_ND, rows), x_BTD

        return act

    def run_bank(self, i: do.Run) -> Bound:
        """Increments [N, D] of the bank's rows; those of dead rows are zero."""
        plans = self.plans[i.modules[0].set]
        keys = self._keys(i.modules)
        sees = self.routers[self.router_at[i.routing]].sees
        modules = tuple(map(str, i.modules))
        # keys of a later part's attention need the parts before it, for every token
        is_dense = sees == "everyone" and _needs_all(plans)

        def bank(values: Values, turn: Turn, only: str) -> tuple[BankRows, Tensor]:
            def weights(plan: PartPlan) -> dict[str, Tensor]:
                return {name: stack.of(turn.weights) for name, stack in keys[plan.name].items()}

            def run(x_ND: Tensor, places: RowSet, inner: Tensor | None) -> Tensor:
                ops = lambda plan: RowOps(turn.frame, turn.names.words[i.site], places, plan.name)
                told = watching(turn.frame, i.site, modules, places) if places.only != "keys" else None
                return increment(plans, weights, x_ND, ops, inner, told)

            rows, x_ND, x_BTD = values[i.rows]
            routing: Routing = values[i.routing]
            if is_dense:
                made_ND = self._for_every_token(i, turn, routing, rows, x_BTD, run)
            else:
                inner = None if routing.inner is None else to_bank(routing.inner.flatten(), rows)
                away_BT = routing.load.ids[..., 0] == AWAY if sees == "copied" else None
                places = replace(self._row_set(i, turn, routing.ids, rows, x_BTD, sees, away_BT), only=only)
                made_ND = run(x_ND, places, inner)
            return rows, cleared(made_ND, rows)

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = bank(values, turn, "whole")

        if sees == "history" and i.out in self.mixing.get(i.routing, ()):
            return joint(self, i, bank)
        return act

    def combine(self, i: do.Combine) -> Bound:
        """Back to token order, times the weights, summed over the K choices."""

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            made: Tensor | None = None
            for name in i.rows:
                rows, made_ND = values[name]
                back = from_bank(made_ND, rows)
                made = back if made is None else made + back
            if made is None:
                raise ValueError("a combine without banks")
            made_BTKD = made.unflatten(0, routing.ids.shape)
            values[i.out] = (made_BTKD * routing.outer[..., None]).sum(2)

        return act

    def _row_set(  # noqa: PLR0913 - what a bank's rows are
        self,
        i: do.Run,
        turn: Turn,
        ids_BTK: Tensor,
        rows: BankRows,
        x_BTD: Tensor,
        sees: str,
        away_BT: Tensor | None = None,
    ) -> RowSet:
        numbers = tuple(turn.names.numbers[str(member)] for member in i.modules)
        by_slot = [-1] * (self.routers[self.router_at[i.routing]].size + 1)
        for slot, number in zip(i.make.slots, numbers, strict=True):
            by_slot[slot] = number
        return RowSet(
            rows=rows,
            K=ids_BTK.shape[-1],
            module_BR=_looked_up(by_slot, ids_BTK).flatten(1),
            numbers=numbers,
            names=tuple(turn.names.words[str(member)] for member in i.modules),
            sees=sees,
            tokens_BTD=x_BTD,
            carries=self.carries,
            away_BT=away_BT,
        )

    def _for_every_token(
        self,
        i: do.Run,
        turn: Turn,
        routing: Routing,
        rows: BankRows,
        x_BTD: Tensor,
        run: Callable[[Tensor, RowSet, Tensor | None], Tensor],
    ) -> Tensor:
        """All modules of the bank on all tokens, as one routing that chooses them all; then each row's own."""
        slots = i.make.slots
        B, T, D = x_BTD.shape
        ids_BTM = constant(slots, torch.int64, x_BTD.device).expand(B, T, -1)
        every = bank_rows(sort_rows(ids_BTM, slots, max(slots) + 1), 0, len(slots))
        x_RD = to_bank(x_BTD[:, :, None].expand(B, T, len(slots), D).reshape(-1, D), every)
        inner = None
        if routing.inner is not None:
            inner = to_bank(torch.stack([_given(slot_scales(routing, s)[0]) for s in slots], -1).flatten(), every)
        made_RD = run(x_RD, self._row_set(i, turn, ids_BTM, every, x_BTD, "peers"), inner)
        places = [0] * (self.routers[self.router_at[i.routing]].size + 1)
        for place, slot in enumerate(slots):
            places[slot] = place
        own_BTK = _looked_up(places, routing.ids)
        made_BTMD = from_bank(made_RD, every).unflatten(0, (B, T, -1))
        made_BTKD = torch.gather(made_BTMD, 2, own_BTK[..., None].expand(*own_BTK.shape, D))
        return to_bank(made_BTKD.flatten(0, 2), rows)


def _needs_all(plans: tuple[PartPlan, ...]) -> bool:
    """Whether tokens mix in a part that the module's own rows cannot run while others give keys."""
    return any(plan.kind.mixes_tokens and not (plan is plans[0] and plan.kind.has_keys) for plan in plans)


def _looked_up(table: list[int], ids: Tensor) -> Tensor:
    """`table[id]`; the last of the table for ids below 0."""
    return constant(tuple(table), torch.int64, ids.device)[ids.clamp(min=-1)]


def _given(scale: Tensor | None) -> Tensor:
    if scale is None:
        raise ValueError("no inner scale")
    return scale


LOWERING = Lowering(
    name="portable",
    summary="sorted rows and grouped products with static shapes: CPU and GPU, compiled or not",
    devices=("cpu", "cuda"),
    dtypes=(torch.float64, torch.float32, torch.bfloat16, torch.float16),
    lower=lower,
)
