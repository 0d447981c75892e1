"""Runs a schedule: what all lowerings do alike. A strategy adds how the routed rows are run.

Every instruction becomes a function of the values made so far and of the present turn; all look-ups
(kinds, params, keys of weights, numbers of modules) are done once, before anything is traced. The
functions of a region's body serve all its turns: a turn says which weights and sites stand for
those of the first one.

B sequences, T tokens, D width, K choices, M candidates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Member
from dnac.kinds.base import EmbedKind, HeadKind, params_of
from dnac.lowering import draws, survey
from dnac.lowering.base import Call, Output, Program, StepRecord, StepStats
from dnac.lowering.frame import Frame, frame_of
from dnac.lowering.knobs import knobs
from dnac.lowering.modules import PartPlan, increment, plans_by_set
from dnac.lowering.ops_dense import DenseOps, Mix
from dnac.lowering.routing import Given, Load, Router, Routing, balance_loss, decide, router_of
from dnac.lowering.weights import has_bias, key_of, site_of, stack_of
from dnac.passes.facts import fixed_choice
from dnac.schedule import instructions as do

Values = dict[str, Any]


@dataclass
class Turn:
    """One turn of a region, or the whole network: what its names stand for."""

    frame: Frame
    call: Call
    weights: Mapping[str, Tensor]
    """By the state-dict keys of the first turn."""
    words: Mapping[str, int]
    """Sites and modules, by their names in the first turn, as words for draws."""
    numbers: Mapping[str, int]
    """Modules, by their names in the first turn, to numbers that are unique in the network."""
    routers: Mapping[str, str]
    """Routers of the first turn to those of this one."""
    steps: Mapping[int, int]
    """Routing steps of the first turn to those of this one."""
    results: Results


@dataclass
class Results:
    """What the routing steps leave behind."""

    stats: list[StepStats] = field(default_factory=list)
    record: list[StepRecord] = field(default_factory=list)
    loads: dict[str, list[Load]] = field(default_factory=dict)


Bound = Callable[[Values, Turn], None]


class Interpreter(ABC):
    """One network, ready to run."""

    name: str
    mix: Mix
    """Attention of a module that runs for all tokens."""

    def __init__(self, graph: Graph, schedule: do.Schedule) -> None:
        self.graph = graph
        self.site = site_of(graph)
        self.plans = plans_by_set(graph.modules, self.site)
        self.routers = {entry.name: router_of(entry) for entry in graph.routers}
        self.biased = {entry.name for entry in graph.routers if has_bias(entry)}
        self.carries = any(router.sees == "module" for router in self.routers.values())
        """Whether some router sees keys of earlier routing steps."""
        self.scheduled = _scheduled_terms(graph, self.routers)
        self.names = _Names(graph)
        self.steps = {step: step for step in survey.routing_steps(schedule.instructions)}
        self.router_at = dict(survey.routers_of_values(schedule.instructions))
        """Router of each routing value."""
        self.ranks = dict(survey.bank_ranks(schedule.instructions))
        """First module and number of modules of each bank, in the order that its sort makes."""
        self.bound = [self.bind(i) for i in schedule.instructions]
        self.top = {"words": self.names.words(schedule.instructions, {}),
                    "numbers": self.names.numbers(schedule.instructions, {})}
        self.result = schedule.result

    def program(self) -> Program:
        """The network as a pure function."""
        return Program(self.run, self.name)

    def run(self, weights: Mapping[str, Tensor], call: Call, training: bool, record: bool) -> Output:
        """One forward pass."""
        frame = frame_of(
            call, tokens=self.graph.tokens, is_text=self.graph.is_text, training=training, record=record
        )
        turn = Turn(
            frame=frame, call=call, weights=weights, words=self.top["words"], numbers=self.top["numbers"],
            routers={}, steps=self.steps, results=Results(),
        )
        values: Values = {}
        for act in self.bound:
            act(values, turn)
        logits = values[self.result]
        loss = self._router_loss(turn.results, call, logits)
        return Output(logits, loss, tuple(turn.results.stats), tuple(turn.results.record))

    # --- instructions that every lowering runs alike ------------------------------------------

    def bind(self, instruction: do.AnyInstruction) -> Bound:
        """The function that runs one instruction."""
        makers: dict[type, Callable[[Any], Bound]] = {
            do.Embed: self._embed, do.Norm: self._norm, do.Dense: self._dense, do.Route: self._route,
            do.Sort: self.sort, do.Gather: self.gather, do.Run: self.run_bank, do.Combine: self.combine,
            do.Add: self._add, do.Head: self._head, do.Repeat: self._repeat,
        }
        return makers[type(instruction)](instruction)

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
            # under autocast the stream stays in the type of the weights
            values[i.out] = x.to(next(iter(weights.values())).dtype)

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
                return {name: stack.of(turn.weights)[0] for name, stack in keys[plan.name].items()}

            inner = outer = None
            if i.gate is not None:
                inner, outer = slot_scales(values[i.gate[0]], i.gate[1])
            ops = lambda plan: self._dense_ops(turn, i.site, str(i.module), plan.name)
            made = increment(plans, weights, values[i.x], ops, inner)
            values[i.out] = made if outer is None else made * outer[..., None]

        return act

    def _route(self, i: do.Route) -> Bound:
        score = self.routers[i.router].score
        names = [spec.name for spec in score[0].weights(score[1], self.graph.width, len(i.candidates))]
        keys = {name: key_of(i.router, name) for name in names}
        bias = key_of(i.router, "bias") if i.router in self.biased else None
        is_fixed = fixed_choice(self.graph.router[i.router]) is not None

        def act(values: Values, turn: Turn) -> None:
            place, call, name = turn.steps[i.step], turn.call, turn.routers.get(i.router, i.router)
            given = Given(
                turn.words[i.site], {name: turn.weights[key] for name, key in keys.items()},
                None if bias is None else turn.weights[bias],
                *(None if each is None else each[place] for each in (call.routes, call.route_masks, call.module_gates)),
            )
            if is_fixed:  # a pass may have left no code for another choice
                given = given._replace(forced=None, mask=None)
            routing = values[i.out] = decide(self.routers[i.router], values[i.x], given, turn.frame)
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
        form = self.graph.weights[i.weights].kind
        kind: HeadKind = catalogue.get("head", form.name)
        params = params_of(kind, form)
        outputs = catalogue.get("input", self.graph.input.name).outputs(self._source())
        keys = {spec.name: key_of(i.weights, spec.name) for spec in kind.weights(params, self.graph.width, outputs)}

        def act(values: Values, turn: Turn) -> None:
            weights = {name: turn.weights[key] for name, key in keys.items()}
            table = None if i.table is None else turn.weights[key_of(i.table, "table")]
            ops = self._dense_ops(turn, i.weights, i.weights, "")
            values[i.out] = kind.forward(params, weights, values[i.x], ops, table)  # type: ignore[misc]

        return act

    def _repeat(self, i: do.Repeat) -> Bound:
        body = [self.bind(inner) for inner in i.body]
        turns = [self._turn_names(i, dict(renames), step) for renames, step in zip(i.renames, i.steps, strict=True)]

        def act(values: Values, turn: Turn) -> None:
            x = values[i.x]
            for names in turns:
                inner = Turn(
                    frame=turn.frame, call=turn.call, weights=Renamed(turn.weights, names.keys), words=names.words,
                    numbers=names.numbers, routers=names.routers, steps=names.steps, results=turn.results,
                )
                local: Values = {i.x: x}
                for run in body:
                    run(local, inner)
                x = local[i.result]
            values[i.out] = x

        return act

    # --- shared pieces ------------------------------------------------------------------------

    def _keys(self, members: tuple[Member, ...]) -> dict[str, dict[str, Any]]:
        """Part name to weight name to where these modules' weights are found."""
        return {
            plan.name: {name: stack_of(self.graph, members, plan.name, name) for name in plan.weights}
            for plan in self.plans[members[0].set]
        }

    def _dense_ops(self, turn: Turn, site: str, module: str, part: str, mix: Mix | None = None) -> DenseOps:
        return DenseOps(turn.frame, turn.words[site], turn.words[module], part, mix or type(self).mix)

    def _source(self) -> Any:
        return params_of(catalogue.get("input", self.graph.input.name), self.graph.input)

    def _turn_names(self, i: do.Repeat, renames: dict[str, str], step: int) -> _TurnNames:
        keys = {
            old: key_of(renames[name]) + old[len(key_of(name)) :]
            for name in renames if renames[name] != name
            for old in self.names.keys_of(name)
        }
        inside = sorted(survey.routing_steps(i.body))
        return _TurnNames(
            keys=keys, words=self.names.words(i.body, renames), numbers=self.names.numbers(i.body, renames),
            routers=renames, steps={s: s - i.steps[0] + step for s in inside},
        )

    def _router_loss(self, results: Results, call: Call, like: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
        for name, loads in results.loads.items():
            router = self.routers[name]
            if self.scheduled[name]:
                router = router.with_terms(_with_knobs(router, self.scheduled[name], call))
            loss = balance_loss(router, loads)
            if loss is not None:
                total = total + loss
        return total


class Renamed(Mapping[str, Tensor]):
    """Weights of a turn by the names of the first turn."""

    def __init__(self, weights: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
        self.weights, self.names = weights, names

    def __getitem__(self, key: str) -> Tensor:
        return self.weights[self.names.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)


def slot_scales(routing: Routing, slot: int) -> tuple[Tensor | None, Tensor]:
    """(inner, outer) [B, T] of one candidate: what its last part and its increment are multiplied
    by; 0 for tokens that did not choose it.
    """
    chosen = routing.ids == slot
    inner = None if routing.inner is None else torch.where(chosen, routing.inner, 0).sum(-1)
    return inner, torch.where(chosen, routing.outer, 0).sum(-1)


@dataclass(frozen=True)
class _TurnNames:
    keys: dict[str, str]
    words: dict[str, int]
    numbers: dict[str, int]
    routers: dict[str, str]
    steps: dict[int, int]


class _Names:
    """Sites, modules and state-dict keys of a graph."""

    def __init__(self, graph: Graph) -> None:
        from dnac.lowering.weights import biases, declared

        self.all_keys = [entry.key for entry in declared(graph)] + [key for key, _ in biases(graph)]
        members = [str(m) for entry in graph.modules for m in _members(entry.name, entry.count)]
        self.number = {name: n for n, name in enumerate(members)}

    def keys_of(self, name: str) -> list[str]:
        """State-dict keys of a set of weights."""
        return [key for key in self.all_keys if key.startswith(f"{key_of(name)}.")]

    def words(self, instructions: Iterable[do.AnyInstruction], renames: dict[str, str]) -> dict[str, int]:
        """Word of each site and module that the instructions name, under its name there."""
        names = dict.fromkeys(name for i in instructions for name in survey.names(i))
        return {name: draws.name_word(survey.renamed(name, renames)) for name in names}

    def numbers(self, instructions: Iterable[do.AnyInstruction], renames: dict[str, str]) -> dict[str, int]:
        """Number of each module that the instructions name."""
        names = dict.fromkeys(name for i in instructions for name in survey.names(i))
        found = {name: self.number.get(survey.renamed(name, renames)) for name in names}
        return {name: number for name, number in found.items() if number is not None}


def _members(name: str, count: int | None) -> list[Member]:
    return [Member(name)] if count is None else [Member(name, n) for n in range(count)]


@dataclass(frozen=True)
class _Scheduled:
    """One scheduled number of a balance term."""

    term: int
    name: str
    place: int
    """Where its present value stands in `Call.knobs`."""
    constants: dict[str, Any]
    """The term's params, to be traced as plain values."""


def _scheduled_terms(graph: Graph, routers: Mapping[str, Router]) -> dict[str, list[_Scheduled]]:
    found: dict[str, list[_Scheduled]] = {name: [] for name in routers}
    for place, (router, path, _) in enumerate(knobs(graph)):
        term, name = path.removeprefix("balance[").split("].")
        params = routers[router].balance[int(term)][1]
        constants = {key: getattr(params, key) for key in type(params).model_fields}
        found[router].append(_Scheduled(int(term), name, place, constants))
    return found


class _Present:
    """A term's params with the present values of its scheduled numbers."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        return self.values[name]


def _with_knobs(router: Router, scheduled: list[_Scheduled], call: Call) -> tuple[Any, ...]:
    """The router's balance terms with the present values of their scheduled numbers."""
    values: dict[int, dict[str, Any]] = {}
    for each in scheduled:
        values.setdefault(each.term, dict(each.constants))[each.name] = call.knobs[each.place]  # type: ignore[index]
    terms = enumerate(router.balance)
    return tuple((kind, _Present(values[i]) if i in values else params) for i, (kind, params) in terms)


__all__ = ["Bound", "Form", "Interpreter", "Renamed", "Results", "Turn", "Values", "slot_scales"]
