"""Grouped: CUDA, bfloat16. Rows stay sorted by module from the first norm of a module to the weighing.

One sort per routing step, static shapes, no host sync. Norms, activations, attention and the way back
are kernels that skip rows of identities (`lowering/kernels/`); products are ATen's grouped ones; gains
are folded into the weight behind them, once per call. The result comes back by the inverse order: no
atomics, so two runs give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.lowering import errors, survey
from dnac.lowering.base import Call, Options, Program
from dnac.lowering.interpret import Bound, Values
from dnac.lowering.joined import JoinedGradients
from dnac.lowering.kernels import outer as outer  # a program from the compiler's cache calls it by name
from dnac.lowering.kernels.combines import combined
from dnac.lowering.kernels.order import counted_rows
from dnac.lowering.modules import PartPlan
from dnac.lowering.ops_sorted import Places, SortedOps, places_of
from dnac.lowering.products import BankWeights
from dnac.lowering.routing import Routing
from dnac.lowering.rows import BankRows, Order, bank_rows, sort_rows, to_bank
from dnac.lowering.strategies.portable import Portable
from dnac.lowering.turns import Turn
from dnac.schedule import instructions as do
from dnac.schedule.instructions import Schedule
from dnac.text.diagnostic import Faults


def lower(graph: Graph, schedule: Schedule, options: Options) -> Program:
    """The schedule as a program."""
    program = Grouped(graph, schedule, options).program()
    if options.choices.get("weight_gradient", "joined") == "joined":
        return program._replace(compiler={"post_grad_custom_pre_pass": JoinedGradients()})
    return program


class Gathered(NamedTuple):
    """Rows of a bank, not yet gathered."""

    rows: BankRows
    stream: Tensor
    """[T', D]"""
    places: Places
    own: Tensor
    """[N, D] the rows themselves, for kinds that read them as they are."""
    x_BTD: Tensor


class Pending(NamedTuple):
    """Increments not yet brought back: the next addition to the stream does it in one go."""

    routing: Routing
    banks: tuple[tuple[BankRows, tuple[Tensor, ...]], ...]
    """Each bank's rows and its increments [N, D], one per part."""


class Parts(NamedTuple):
    """The increments of a module's parts, for every token."""

    made: tuple[Tensor, ...]
    """Each [B, T, D]."""


class Grouped(Portable):
    """Runs routed modules in sorted order."""

    name = "grouped"

    def __init__(self, graph: Graph, schedule: Schedule, options: Options | None = None) -> None:
        self.routing_of = dict(survey.routings_of_orders(schedule.instructions))
        super().__init__(graph, schedule, options)

    def ready(self, weights: Mapping[str, Tensor], call: Call) -> None:
        """Settle the type of products.

        Raises:
            Faults: it would not be bfloat16.
        """
        kind = call.inputs.device.type
        like = next(iter(weights.values())).dtype
        self.dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like
        if kind == "cuda" and self.dtype != torch.bfloat16:
            raise Faults(errors.type_not_served(self.name, str(self.dtype).removeprefix("torch."), ["bfloat16"]))

    def sort(self, i: do.Sort) -> Bound:
        """The rows' order by module, by counting unless a choice says otherwise."""
        ordered = sort_rows if self.options.choices.get("order") == "sort" else counted_rows

        def act(values: Values, turn: Turn) -> None:
            routing: Routing = values[i.routing]
            values[i.out] = ordered(routing.ids, i.runs, routing.load.gates.shape[-1])

        return act

    def gather(self, i: do.Gather) -> Bound:
        """The places of the bank's rows; nothing is moved yet."""
        if self._is_portable(i.order):
            return super().gather(i)
        first, count = self.ranks[i.order, i.bank]

        def act(values: Values, turn: Turn) -> None:
            whole: Order = values[i.order]
            rows = bank_rows(whole, first, count)
            x_BTD: Tensor = values[i.x]
            B, T, D = x_BTD.shape
            K = whole.order.shape[0] // (B * T)
            own = to_bank(x_BTD[:, :, None].expand(B, T, K, D).reshape(-1, D), rows)
            places = places_of(rows, B, T, K)
            values[i.out] = Gathered(rows, x_BTD.flatten(0, 1), places, torch.where(rows.live[:, None], own, 0), x_BTD)

        return act

    def run_bank(self, i: do.Run) -> Bound:
        """Increments of the bank's rows, one [N, D] per part."""
        if self._is_portable(i.order):
            return super().run_bank(i)
        plans = self.plans[i.modules[0].set]
        keys = self._keys(i.modules)
        attention = self.options.choices.get("attention", "segments")
        product = self.options.choices.get("product", "tiles")

        def act(values: Values, turn: Turn) -> None:
            found: Gathered = values[i.rows]
            routing: Routing = values[i.routing]
            places = self._row_set(i, turn, routing.ids, found.rows, found.x_BTD, "peers")
            made: list[Tensor] = []
            own, added = found.own, None
            for plan in plans:
                ops = SortedOps(
                    turn.frame, turn.names.words[i.site], places, plan.name, own, found.stream, added,
                    found.places, self.dtype, attention, product,
                    may_join=routing.inner is None and not _drops(plan),
                )  # fmt: skip
                d, is_whole = _increment(plan, self._weights(turn, plan, keys[plan.name]), ops)
                made = [d] if is_whole else [*made, d]
                if plan is not plans[-1]:
                    added = d if added is None or is_whole else added + d
                    own = found.own + added.to(own.dtype)
            values[i.out] = found.rows, tuple(made)

        return act

    def combine(self, i: do.Combine) -> Bound:
        """Left to the addition that follows."""
        if self._is_portable(i.order):
            return super().combine(i)

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = Pending(values[i.routing], tuple(values[name] for name in i.rows))

        return act

    def _dense(self, i: do.Dense) -> Bound:
        """Increments part by part, which the addition takes one after the other, as the module itself did."""
        if i.gate is not None or i.away:
            return super()._dense(i)
        plans, keys = self.plans[i.module.set], self._keys((i.module,))

        def act(values: Values, turn: Turn) -> None:
            x, made = values[i.x], []
            for plan in plans:
                weights = {name: self._one(turn, stack) for name, stack in keys[plan.name].items()}
                ops = self._dense_ops(turn, i.site, str(i.module), plan.name)
                d = plan.kind.forward(plan.params, weights, x, ops).to(x.dtype)  # type: ignore[misc]
                made.append(d)
                x = x + d
            values[i.out] = Parts(tuple(made))

        return act

    def _add(self, i: do.Add) -> Bound:
        def act(values: Values, turn: Turn) -> None:
            x = values[i.x]
            for name in i.increments:
                made = values[name]
                if isinstance(made, Pending):
                    x = _joined(x, made)
                    continue
                for part in made.made if isinstance(made, Parts) else (made,):
                    x = x + part.to(x.dtype)
            values[i.out] = x

        return act

    def _is_portable(self, order: str) -> bool:
        """Whether what a routing step asks for runs as the portable lowering does it."""
        return self.routers[self.router_at[self.routing_of[order]]].sees != "peers" or self.carries

    def _weights(self, turn: Turn, plan: PartPlan, stacks: Mapping[str, object]) -> BankWeights:
        """The part's weights, made once per call for all routing steps that use them."""
        made = turn.frame.made
        new = turn.names.keys
        key = tuple((new.get(k, k), chosen) for stack in stacks.values() for k, chosen, _ in stack.pieces)  # type: ignore[attr-defined]
        if key not in made:
            made[key] = BankWeights({name: stack.of(turn.weights) for name, stack in stacks.items()}, self.dtype)  # type: ignore[attr-defined]
        return made[key]


def _drops(plan: PartPlan) -> bool:
    """Whether something stands behind the part's last product while training."""
    return any(getattr(plan.params, name, 0) for name in ("dropout", "layer_dropout"))


def _increment(plan: PartPlan, weights: BankWeights, ops: SortedOps) -> tuple[Tensor, bool]:
    """A part's increment [N, D], and whether it holds those of the parts before it."""
    d = plan.kind.forward(plan.params, weights, ops.reads, ops)  # type: ignore[misc]
    if ops.joined is not None and d is not ops.joined:  # the kind went on with what it took for its own
        ops = replace(ops, may_join=False, joined=None)
        d = plan.kind.forward(plan.params, weights, ops.reads, ops)  # type: ignore[misc]
    return d, ops.joined is not None


def _joined(x_BTD: Tensor, pending: Pending) -> Tensor:
    """The stream plus all increments, each times its weight."""
    routing = pending.routing
    outer = routing.outer.flatten(0, 1)
    x = x_BTD.flatten(0, 1)
    for rows, made in pending.banks:
        if routing.inner is None:
            x = combined(x, outer, made, rows.order, rows.inverse, rows.ends)
            continue
        if len(made) > 1:
            x = combined(x, outer, made[:-1], rows.order, rows.inverse, rows.ends)
        inner = outer * routing.inner.flatten(0, 1)
        x = combined(x, inner, made[-1:], rows.order, rows.inverse, rows.ends)
    return x.view(x_BTD.shape)
