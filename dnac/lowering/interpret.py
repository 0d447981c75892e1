"""Runs a schedule: what all lowerings do alike. A strategy adds how the routed rows are run.

Every instruction becomes a function of the values made so far and of the present turn; all look-ups
(kinds, params, keys of weights, numbers of modules) are done once, before anything is traced. The
functions of a region's body serve all its turns: a turn says which weights and sites stand for
those of the first one.

B sequences, T tokens, D width, K choices, M candidates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.graph import Graph, Member
from dnac.kinds.base import EmbedKind, HeadKind, params_of
from dnac.kinds.declared import key_of
from dnac.kinds.place import site_of
from dnac.lowering import carried, halting, survey
from dnac.lowering.base import Call, Options, Output, Program
from dnac.lowering.budgets import Budgets, Ran
from dnac.lowering.foretold import loss_of, said
from dnac.lowering.frame import frame_of
from dnac.lowering.given import giver
from dnac.lowering.knobs import knobs, margins, own_numbers, present, present_terms, scheduled_terms
from dnac.lowering.modules import PartPlan, increment, plans_by_set, watching
from dnac.lowering.ops_dense import DenseOps, Mix
from dnac.lowering.routers import now
from dnac.lowering.routing import Given, Load, Routing, balance_loss, decide, router_of, slot_scales
from dnac.lowering.stepped import Stepped
from dnac.lowering.taps import Waiting, one_head, taps_in_turns
from dnac.lowering.turns import Names, Renamed, Results, Turn
from dnac.lowering.weights import Stack, stack_of
from dnac.passes.facts import foretells as foretells_of
from dnac.passes.facts import keeps_bias
from dnac.schedule import instructions as do

Values = dict[str, Any]
Bound = Callable[[Values, Turn], None]


class Interpreter(ABC):
    """One network, ready to run."""

    name: str
    mix: Mix
    """Attention of a module that runs for all tokens."""
    runs_banks_whole: bool = True
    """Whether all keys of a bank are there before any of its queries looks at them."""

    def __init__(self, graph: Graph, schedule: do.Schedule, options: Options | None = None) -> None:
        self.graph = graph
        self.options = options or Options()
        self.site = site_of(graph)
        self.plans = plans_by_set(graph, self.site)
        self.routers = {entry.name: router_of(entry) for entry in graph.routers}
        self.biased = {entry.name for entry in graph.routers if keeps_bias(graph, entry)}
        self.carries = any(router.sees in ("module", "first", "history") for router in self.routers.values())
        """Whether some router sees keys of earlier routing steps."""
        self.scheduled = scheduled_terms(graph)
        self.knobs = len(knobs(graph))
        """How many scheduled numbers enter a call."""
        self.numbers = own_numbers(graph)
        """Of each router with a scheduled temperature or scale, where it stands among the knobs."""
        self.margins = margins(graph)
        """Of each router whose start has a scheduled margin, where it stands among the knobs."""
        self.budgets = Budgets(graph)
        self.names = Names(graph)
        self.router_at = dict(survey.routers_of_values(schedule.instructions))
        """Router of each routing value."""
        self.ranks = dict(survey.bank_ranks(schedule.instructions))
        """First module and number of modules of each bank, in the order that its sort makes."""
        self.mixing = survey.mixing_banks(graph, schedule.instructions)
        """Banks of each routing value whose tokens see one another."""
        self.weighs = survey.weighs(schedule.instructions)
        self.leave_when = {self.routers[self.router_at[name]].when for name in survey.leaving(schedule.instructions)}
        """When tokens may leave somewhere: `train`, `eval`, `both`."""
        self.bound = [self.bind(i) for i in schedule.instructions]
        self.whole = self.names.whole(schedule.instructions)
        self.result = schedule.result
        self.stepped = Stepped(self, schedule.instructions)

    def program(self) -> Program:
        """The network as a pure function."""
        return Program(self.run, self.name, stepped=self.stepped)

    def ready(self, weights: Mapping[str, Tensor], call: Call) -> None:  # noqa: B027 - nothing, for most
        """What a lowering settles before a call."""

    def run(self, weights: Mapping[str, Tensor], call: Call, training: bool, record: bool) -> Output:
        """One forward pass."""
        self.ready(weights, call)
        frame = frame_of(call, tokens=self.graph.tokens, is_text=self.graph.is_text, training=training, record=record)
        turn = Turn(frame, call, weights, self.whole, Results())
        values: Values = {}
        for act in self.bound:
            act(values, turn)
        logits = values[self.result]
        loss = self._router_loss(turn.results, call, logits)
        charge, budgets = self.budgets.settle(turn.results.spent, call.knobs, logits)
        foretold = loss_of(turn.results.foretold, logits)
        loss = sum((each for each in (charge, foretold) if each is not None), loss)
        taps = tuple(self.in_turn(some, frame.step) for some in taps_in_turns(turn.results.waiting))
        return Output(logits, loss, tuple(turn.results.stats), tuple(turn.results.record), budgets, taps)

    def all_stay(self, training: bool) -> bool:
        """Whether no token leaves anywhere in such a call."""
        return self.leave_when <= {"eval" if training else "train"}

    def stream(self, weights: torch.dtype) -> torch.dtype:
        """Type of the stream, for weights of a type; the option speaks of autocast alone."""
        is_mixed = torch.is_autocast_enabled("cuda") or torch.is_autocast_enabled("cpu")
        return (self.options.stream or weights) if is_mixed else weights

    def has_loss(self, router: str) -> bool:
        """Whether a router has losses of its own."""
        return self.routers[router].has_loss

    def router_loss(self, name: str, loads: list[Load], knobs: Tensor | None) -> Tensor | None:
        """The balance losses of one router over its routing steps; None where it has none."""
        router = self.routers[name]
        if self.scheduled[name] and knobs is not None:
            router = router.with_terms(present_terms(router.balance, self.scheduled[name], knobs))
        return balance_loss(router, loads)

    # --- instructions that every lowering runs alike ------------------------------------------

    def bind(self, instruction: do.AnyInstruction) -> Bound:
        """The function that runs one instruction."""
        makers: dict[type, Callable[[Any], Bound]] = {
            do.Embed: self._embed,
            do.Norm: self._norm,
            do.Dense: self._dense,
            do.Route: self._route,
            do.Presence: self._presence,
            do.Tally: self._tally,
            do.Settle: self._settle,
            do.Tap: self._tap,
            do.Sort: self.sort,
            do.Gather: self.gather,
            do.Run: self.run_bank,
            do.Combine: self.combine,
            do.Add: self._add,
            do.Head: self._head,
            do.Repeat: self._repeat,
        }
        return makers[type(instruction)](instruction)

    in_turn = staticmethod(one_head)
    """The loss of the one of some taps whose turn it is."""

    @abstractmethod
    def mix_of(self, here_BT: Tensor) -> Mix:
        """Attention of a module that runs for some of the tokens, among them."""

    @abstractmethod
    def sort(self, i: do.Sort) -> Bound:
        """routing -> order"""

    @abstractmethod
    def gather(self, i: do.Gather) -> Bound:
        """view, order -> rows of one bank"""

    @abstractmethod
    def run_bank(self, i: do.Run) -> Bound:
        """rows -> increments of these rows"""

    @abstractmethod
    def combine(self, i: do.Combine) -> Bound:
        """rows of all banks -> weighted increment [B, T, D]"""

    def _embed(self, i: do.Embed) -> Bound:
        form = self.graph.weights[i.weights].kind
        kind: EmbedKind = catalogue.get("embed", form.name)
        params, source = params_of(kind, form), self._source()
        keys = {spec.name: key_of(i.weights, spec.name) for spec in kind.weights(params, source)}

        def act(values: Values, turn: Turn) -> None:
            weights = {name: turn.weights[key] for name, key in keys.items()}
            ops = self._dense_ops(turn, i.weights, i.weights, "")
            x = kind.forward(params, weights, turn.call.inputs, source, ops)  # type: ignore[misc]
            # under autocast the stream stays in the type of the weights, unless another was asked for
            values[i.out] = x.to(self.stream(next(iter(weights.values())).dtype))

        return act

    def _norm(self, i: do.Norm) -> Bound:
        form, key = self.graph.weights[i.weights].kind, key_of(i.weights, "gain")

        def act(values: Values, turn: Turn) -> None:
            ops = self._dense_ops(turn, i.weights, i.weights, "")
            values[i.out] = ops.norm(values[i.x], form, turn.weights.get(key))

        return act

    def _dense(self, i: do.Dense) -> Bound:
        plans, keys = self.plans[i.module.set], self._keys((i.module,))

        def act(values: Values, turn: Turn) -> None:
            def weights(plan: PartPlan) -> dict[str, Tensor]:
                return {name: self._one(turn, stack) for name, stack in keys[plan.name].items()}

            inner = outer = None
            if i.gate is not None:
                inner, outer = slot_scales(values[i.gate[0]], i.gate[1])
            here = values[i.away] == 0 if i.away else None
            seen = None if i.copied else here
            mix = None if seen is None else self.mix_of(seen)
            ops = lambda plan: self._dense_ops(turn, i.site, str(i.module), plan.name, mix, seen)
            told = watching(turn.frame, i.site, (str(i.module),))
            made = increment(plans, weights, values[i.x], ops, inner, told, here)
            values[i.out] = made if outer is None else made * outer[..., None]

        return act

    def _presence(self, i: do.Presence) -> Bound:
        def act(values: Values, turn: Turn) -> None:
            before, routing = values[i.away] if i.away else None, values[i.routing] if i.leaves else None
            values[i.out] = halting.left(turn.frame, i, before, routing)

        return act

    def _route(self, i: do.Route) -> Bound:
        head = None if i.head is None else self._logits(*i.head)
        given_at, foretells = giver(self, i, head), foretells_of(self.graph.router[i.router])

        def act(values: Values, turn: Turn) -> None:
            place, name = turn.names.steps[i.step], turn.names.routers.get(i.router, i.router)
            held = {state: self._carried(values, turn, state) for state in i.carries}
            given = given_at(values, turn, next(iter(held.values()), None))
            is_taught = foretells is not None and turn.frame.training
            given = given._replace(gates_are_read=given.gates_are_read or is_taught)
            routing = values[i.out] = decide(self.routers[i.router], values[i.x], given, turn.frame)
            if is_taught and foretells and head:
                turn.results.foretold.append(said(foretells, routing, partial(head, values[i.x], turn)))
            values |= {carried.value_name(state): carried.left(routing, was) for state, was in held.items()}
            self._charge(place, i, given, routing, turn)
            turn.results.stats.append(routing.stats)
            turn.results.loads.setdefault(name, []).append(routing.load)
            if turn.frame.record:
                turn.results.record.append(routing.record)

        return act

    def _add(self, i: do.Add) -> Bound:
        def act(values: Values, turn: Turn) -> None:
            x = values[i.x]
            for name in i.increments:
                x = x + values[name].to(x.dtype)
            values[i.out] = x

        return act

    def _head(self, i: do.Head) -> Bound:
        head = self._logits(i.weights, i.table)

        def act(values: Values, turn: Turn) -> None:
            values[i.out] = head(values[i.x], turn)

        return act

    def _logits(self, name: str, tied: str | None) -> Callable[[Tensor, Turn], Tensor]:
        """A head as a function of a stream."""
        form = self.graph.weights[name].kind
        kind: HeadKind = catalogue.get("head", form.name)
        params = params_of(kind, form)
        outputs = catalogue.get("input", self.graph.input.name).outputs(self._source())
        keys = {spec.name: key_of(name, spec.name) for spec in kind.weights(params, self.graph.width, outputs)}

        def logits(x_BTD: Tensor, turn: Turn) -> Tensor:
            weights = {name: turn.weights[key] for name, key in keys.items()}
            table = None if tied is None else turn.weights[key_of(tied, "table")]
            ops = self._dense_ops(turn, name, name, "")
            return kind.forward(params, weights, x_BTD, ops, table)  # type: ignore[misc]

        return logits

    def _tally(self, i: do.Tally) -> Bound:
        router = self.routers[self.router_at[i.routing]] if i.routing else None

        def act(values: Values, turn: Turn) -> None:
            before, x = (values[name] if name else None for name in (i.before, i.x))
            now = router and halting.given_out(before, router, values[i.routing], x)
            values[i.out] = now or halting.nothing(turn.frame)

        return act

    def _settle(self, i: do.Settle) -> Bound:
        def act(values: Values, turn: Turn) -> None:
            values[i.out] = halting.settled(values[i.x], values[i.tally])

        return act

    def _tap(self, i: do.Tap) -> Bound:
        head = self._logits(i.weights, i.table)

        def act(values: Values, turn: Turn) -> None:
            if turn.frame.training:
                share = values[i.tally].now if i.tally else None
                weight = present(i.weight, None, None)
                turn.results.waiting.append(Waiting(i.every, lambda x: head(x, turn), values[i.x], weight, share))

        return act

    def _repeat(self, i: do.Repeat) -> Bound:
        body = [self.bind(inner) for inner in i.body]
        turns = self.names.turns(i)
        along = tuple(map(carried.value_name, carried.states(i.body)))

        def act(values: Values, turn: Turn) -> None:
            x, states = values[i.x], {name: values[name] for name in along if name in values}
            beside = {taken: values[taken] for taken, _, _ in i.carried}
            for names in turns:
                inner = Turn(turn.frame, turn.call, Renamed(turn.weights, names.keys), names, turn.results)
                local: Values = {i.x: x, **states, **beside}
                for run in body:
                    run(local, inner)
                x, states = local[i.result], {name: local[name] for name in along}
                beside = {taken: local[given] for taken, given, _ in i.carried}
            values |= {i.out: x, **states, **{out: beside[taken] for taken, _, out in i.carried}}

        return act

    # --- shared pieces ------------------------------------------------------------------------

    def _keys(self, members: tuple[Member, ...]) -> dict[str, dict[str, Any]]:
        """Part name to weight name to where these modules' weights are found."""
        return {
            plan.name: {name: stack_of(self.graph, members, plan.name, name) for name in plan.weights}
            for plan in self.plans[members[0].set]
        }

    def _one(self, turn: Turn, stack: Stack) -> Tensor:
        """The weight of a single module. A stacked tensor is taken apart once per call: its gradient is then
        put together once, and not added up from one padded with zeros for each module.
        """
        ((key, indices, _),) = stack.pieces
        if indices is None:
            return turn.weights[key]
        made, name = turn.frame.made, ("apart", turn.names.keys.get(key, key))
        if name not in made:
            made[name] = turn.weights[key].unbind(0)
        return made[name][indices[0]]

    def _dense_ops(
        self, turn: Turn, site: str, module: str, part: str, mix: Mix | None = None, here: Tensor | None = None
    ) -> DenseOps:
        words = turn.names.words
        return DenseOps(turn.frame, words[site], words[module], part, mix or type(self).mix, here)

    def _charge(self, step: int, i: do.Route, given: Given, routing: Routing, turn: Turn) -> None:
        """What budgets note of a routing step."""
        router, load = self.routers[i.router], routing.load
        ran = Ran(routing.ids, load.scores, load.gates, router.gate, now(router.tau, given.tau), given.here)
        with torch.autocast(load.gates.device.type, enabled=False):
            self.budgets.charge(step, turn.results.spent, ran)

    def _carried(self, values: Values, turn: Turn, state: str) -> Tensor:
        """What goes along with each token, as the step before left it."""
        name = carried.value_name(state)
        return values[name] if name in values else carried.initial(turn.call, self.graph.tokens, self.graph.is_text)

    def _source(self) -> Any:
        return params_of(catalogue.get("input", self.graph.input.name), self.graph.input)

    def _router_loss(self, results: Results, call: Call, like: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
        for name, loads in results.loads.items():
            loss = self.router_loss(name, loads, call.knobs)
            if loss is not None:
                total = total + loss
        return total
