"""A program in pieces, so that equal routing steps are compiled once.

A schedule falls into the bodies of its regions and what stands before, between and behind them. Each piece
becomes a pure function of tensors; a loop in plain Python runs the turns of a region through one of them.
What tells turns apart enters as a tensor: weights, words for draws, forced choices, masks, gates, knobs. Numbers
of modules only tell modules of one routing step apart, so those of the first turn serve all turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from dnac.ir.graph import Tap
from dnac.ir.traits import owners, unrolled
from dnac.lowering import carried, survey
from dnac.lowering.base import Call, Output, StepRecord, StepStats, TapLoss
from dnac.lowering.frame import frame_of
from dnac.lowering.routing import Load
from dnac.lowering.taps import taps_in_turns
from dnac.lowering.turns import Results, Turn, TurnNames
from dnac.passes.facts import foretells
from dnac.schedule import instructions as do
from dnac.schedule.verify import reads

if TYPE_CHECKING:
    from dnac.lowering.interpret import Interpreter

Run = Callable[..., Any]
NO_REGION = "no two routing steps of it are equal"
CARRIES = (
    "attention sees keys of earlier routing steps (`sees = module`, `first` or `history`), so no two of them are equal"
)

TURNS = "taps take turns (`every`), and one head is asked for several steps"
FORETELLS = "a score foretells what the head says at the end (`score = agreement`)"
SPENDS = "a budget adds up what tokens spend from step to step"


class Made(NamedTuple):
    """What one piece leaves behind in one turn."""

    values: tuple[Any, ...]
    """Those that are read outside of it."""
    stats: tuple[StepStats, ...]
    record: tuple[StepRecord, ...]
    losses: tuple[Tensor | None, ...]
    """Losses of routers that nobody else uses."""
    loads: tuple[tuple[Load, ...], ...]
    """Loads of routers whose loss is over several pieces or turns."""
    taps: tuple[TapLoss, ...] = ()


@dataclass(frozen=True)
class PieceTurn:
    """What the names of a piece stand for in one turn."""

    names: TurnNames
    keys: tuple[str, ...]
    """State-dict keys, in the order of the piece's own."""
    steps: tuple[int, ...]
    """Routing steps, in the order of the piece's own."""
    knobs: tuple[int, ...]
    """Where the scheduled numbers of the first turn are found in this one."""
    tensors: dict[tuple[torch.device, str], Tensor] = field(default_factory=dict, compare=False)

    def words(self, device: torch.device) -> Tensor:
        """[n] int64: words for draws, in the order of the piece's names."""
        return self._tensor(device, "words", tuple(map(int, self.names.words.values())))

    def call(self, call: Call) -> Call:
        """The same call, with what concerns this turn alone."""
        routes, masks, gates = (_at(self.steps, each) for each in (call.routes, call.route_masks, call.module_gates))
        knobs = call.knobs
        if knobs is not None and self.knobs != tuple(range(len(self.knobs))):
            knobs = knobs[self._tensor(knobs.device, "knobs", self.knobs)]
        return call._replace(routes=routes, route_masks=masks, module_gates=gates, knobs=knobs)

    def _tensor(self, device: torch.device, name: str, values: tuple[int, ...]) -> Tensor:
        if (device, name) not in self.tensors:
            with torch.inference_mode(False):  # else no later call could train with it
                self.tensors[device, name] = torch.tensor(values, dtype=torch.int64, device=device)
        return self.tensors[device, name]


class Piece:
    """Instructions that run together: the body of a region, or what stands between regions."""

    def __init__(
        self,
        interpreter: Interpreter,
        instructions: Sequence[do.AnyInstruction],
        turns: Sequence[TurnNames],
        takes: tuple[str, ...],
        gives: tuple[str, ...],
        outs: tuple[str, ...],
    ) -> None:
        self.interpreter = interpreter
        self.acts = [interpreter.bind(i) for i in instructions]
        self.takes, self.gives, self.outs = takes, gives, outs
        self.first = turns[0]
        self.steps = tuple(survey.routing_steps(instructions))
        self.routers = tuple(dict.fromkeys(i.router for i in instructions if isinstance(i, do.Route)))
        read = (own for name in survey.sets_read(instructions) for own in owners(interpreter.graph, name))
        self.keys = tuple(interpreter.names.keys_of(read))
        self.turns = tuple(self._turn(names) for names in turns)
        self.local: tuple[str, ...] = ()
        """Routers, by their first names, whose loss is made here."""
        self.pooled: tuple[str, ...] = ()

    def share(self, users: Mapping[str, int]) -> None:
        """Settle where losses are made. `users`: how many turns of all pieces use each router."""
        lossy = [name for name in self.routers if self.interpreter.has_loss(name)]
        alone = {name: all(users[n.names.routers.get(name, name)] == 1 for n in self.turns) for name in lossy}
        self.local = tuple(name for name in lossy if alone[name])
        self.pooled = tuple(name for name in lossy if not alone[name])

    def run(
        self,
        weights: tuple[Tensor, ...],
        words: Tensor,
        values: tuple[Any, ...],
        call: Call,
        training: bool,
        record: bool,
    ) -> Made:
        """One turn; this is what a compiler sees."""
        graph = self.interpreter.graph
        frame = frame_of(call, tokens=graph.tokens, is_text=graph.is_text, training=training, record=record)
        places = {step: n for n, step in enumerate(self.steps)}
        named = dict(zip(self.first.words, words.unbind(0), strict=True))
        names = TurnNames({}, named, self.first.numbers, {}, places)
        turn = Turn(frame, call, dict(zip(self.keys, weights, strict=True)), names, Results())
        made = dict(zip(self.takes, values, strict=True))
        for act in self.acts:
            act(made, turn)
        results = turn.results
        losses = [self.interpreter.router_loss(name, results.loads[name], call.knobs) for name in self.local]
        return Made(
            tuple(made[name] for name in self.gives),
            tuple(results.stats),
            tuple(results.record),
            tuple(losses),
            tuple(tuple(results.loads[name]) for name in self.pooled),
            tuple(self.interpreter.in_turn(some, frame.step) for some in taps_in_turns(results.waiting)),
        )

    def _turn(self, names: TurnNames) -> PieceTurn:
        scheduled = self.interpreter.scheduled
        places = list(range(self.interpreter.knobs))
        for router in self.routers:
            for old, new in zip(scheduled[router], scheduled[names.routers.get(router, router)], strict=True):
                places[old.place] = new.place
            actual, margins, numbers = (
                names.routers.get(router, router),
                self.interpreter.margins,
                self.interpreter.numbers,
            )
            if router in margins:
                places[margins[router]] = margins[actual]
            for own, place in numbers.get(router, {}).items():
                places[place] = numbers[actual][own]
        keys = tuple(names.keys.get(key, key) for key in self.keys)
        return PieceTurn(names, keys, tuple(names.steps[s] for s in self.steps), tuple(places))


class Stepped:
    """A program, a piece at a time."""

    def __init__(self, interpreter: Interpreter, instructions: Sequence[do.AnyInstruction]) -> None:
        self.interpreter = interpreter
        self.instructions = tuple(instructions)

    @property
    def why_not(self) -> str:
        """Why nothing would be gained, or an empty text."""
        if self.interpreter.carries:
            return CARRIES
        if self.interpreter.graph.budgets:
            return SPENDS
        if any(isinstance(n, Tap) and n.every > 1 for n in unrolled(self.interpreter.graph.nodes)):
            return TURNS
        if any(foretells(router) is not None for router in self.interpreter.graph.routers):
            return FORETELLS
        return "" if any(isinstance(i, do.Repeat) for i in self.instructions) else NO_REGION

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, in order."""
        made = tuple(self._pieces())
        used = (turn.names.routers.get(name, name) for p in made for turn in p.turns for name in p.routers)
        users = Counter(used)
        for piece in made:
            piece.share(users)
        return made

    def program(self, wrap: Callable[[Run], Run]) -> Callable[[Mapping[str, Tensor], Call, bool, bool], Output]:
        """The program as a loop over its pieces, each of them wrapped (compiled) once."""
        functions = [wrap(_own(piece.run, f"piece_{n}")) for n, piece in enumerate(self.pieces)]

        def run(weights: Mapping[str, Tensor], call: Call, training: bool, record: bool) -> Output:
            self.interpreter.ready(weights, call)
            return self._run(functions, weights, call, training, record)

        return run

    def _run(
        self, functions: Sequence[Run], weights: Mapping[str, Tensor], call: Call, training: bool, record: bool
    ) -> Output:
        graph = self.interpreter.graph
        names = map(carried.value_name, carried.states(self.instructions))
        values: dict[str, Any] = {name: carried.initial(call, graph.tokens, graph.is_text) for name in names}
        stats: list[StepStats] = []
        records: list[StepRecord] = []
        taps: list[TapLoss] = []
        losses: dict[str, Any] = {}
        device = call.inputs.device
        for piece, function in zip(self.pieces, functions, strict=True):
            taken = tuple(values[name] for name in piece.takes)
            for turn in piece.turns:
                own = tuple(weights[key] for key in turn.keys)
                made: Made = function(own, turn.words(device), _plain(taken), turn.call(call), training, record)
                stats.extend(made.stats)
                records.extend(made.record)
                taps.extend(made.taps)
                _collect(losses, piece, turn, made)
                taken = made.values  # of a region: what its next turn takes
            values |= zip(piece.outs, taken, strict=True)
        logits = values[self.interpreter.result]
        return Output(logits, self._loss(losses, call, logits), tuple(stats), tuple(records), taps=tuple(taps))

    def _loss(self, losses: Mapping[str, Any], call: Call, like: Tensor) -> Tensor:
        """The sum, in the order in which routers came first, as the whole program has it."""
        total = torch.zeros((), dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
        for name, found in losses.items():
            loss = self.interpreter.router_loss(name, found, call.knobs) if isinstance(found, list) else found
            total = total if loss is None else total + loss
        return total

    def _pieces(self) -> Iterator[Piece]:
        groups = tuple(_groups(self.instructions))
        for n, group in enumerate(groups):
            first = group[0]
            along = tuple(map(carried.value_name, carried.states(group)))
            if isinstance(first, do.Repeat):
                turns = self.interpreter.names.turns(first)
                beside = tuple(zip(*first.carried, strict=True)) or ((), (), ())
                takes, gives, outs = (
                    (stream, *others, *along)
                    for stream, others in zip((first.x, first.result, first.out), beside, strict=True)
                )
                yield Piece(self.interpreter, first.body, turns, takes, gives, outs)
                continue
            inside = {i.out for i in group}
            before = (name for i in group for name in reads(i) if name not in inside)
            after = {name for later in groups[n + 1 :] for i in later for name in reads(i)}
            gives = tuple(i.out for i in group if i.out in {*after, self.interpreter.result})
            names = self.interpreter.names.whole(group)
            gives = (*gives, *along)
            yield Piece(self.interpreter, group, (names,), (*dict.fromkeys(before), *along), gives, gives)


def _groups(instructions: Iterable[do.AnyInstruction]) -> Iterator[tuple[do.AnyInstruction, ...]]:
    """Regions by themselves, and the runs of other instructions between them."""
    waiting: list[do.AnyInstruction] = []
    for i in instructions:
        if not isinstance(i, do.Repeat):
            waiting.append(i)
            continue
        if waiting:
            yield tuple(waiting)
        waiting = []
        yield (i,)
    if waiting:
        yield tuple(waiting)


def _collect(losses: dict[str, Any], piece: Piece, turn: PieceTurn, made: Made) -> None:
    """Losses, and lists of loads, by the routers' own names."""
    actual = turn.names.routers
    for name, loss in zip(piece.local, made.losses, strict=True):
        losses[actual.get(name, name)] = loss
    for name, loads in zip(piece.pooled, made.loads, strict=True):
        losses.setdefault(actual.get(name, name), []).extend(loads)


def _at(steps: tuple[int, ...], given: tuple[Tensor, ...] | None) -> tuple[Tensor, ...] | None:
    return None if given is None else tuple(given[step] for step in steps)


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Streams with the strides that their shape has by itself: other strides would be another program."""
    return tuple(value.contiguous() if isinstance(value, Tensor) else value for value in values)


def _own(method: MethodType, name: str) -> MethodType:
    """The same method with code of its own: torch counts programs by code, and pieces are not each other's
    recompilations.
    """
    code = method.__func__.__code__.replace(co_name=name)
    return MethodType(FunctionType(code, method.__func__.__globals__, name), method.__self__)
