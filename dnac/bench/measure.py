"""Paired measurement: all programs in one process, built and warmed up, then turn by turn one after another.

A turn of a case is an untimed step, so that the device's queue is full, and a few timed ones. Cases take turns, in
an order that rotates; ratios are taken turn by turn, because a machine's speed drifts. A step is forward, backward
and AdamW; its batch and its choices are drawn before the clock starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil

import torch
from torch import Tensor

from dnac.bench import batches
from dnac.bench.base import Program, Routes, Task
from dnac.bench.clock import Clock, Peak, clock_of, wait
from dnac.bench.routes import draw, steps_of

WARM_UP = 1
"""Steps of each case before anything is measured, after the first one, which compiles, and the second."""
LR = 3e-4
LONG_MS = 250.0
"""From here on a step is no shorter for a full queue."""


@dataclass(frozen=True)
class Load:
    """What a case's tokens choose."""

    kind: str | None
    """A word of `bench.routes`; None for programs without routing."""
    skip: float = 0.0

    @property
    def name(self) -> str:
        """`uniform`, `uniform skip 25%`."""
        return "" if self.kind is None else f"{self.kind} skip {self.skip:.0%}" if self.skip else self.kind


@dataclass
class Runner:
    """A program with its optimizer."""

    program: Program
    optimizer: torch.optim.Optimizer

    @classmethod
    def of(cls, program: Program) -> Runner:
        """With torch's AdamW, fused into one kernel."""
        trained = [p for p in program.module.parameters() if p.requires_grad]
        return cls(program, torch.optim.AdamW(trained, lr=LR, weight_decay=0.1, fused=True))

    def step(self, batch: batches.Batch, routes: Routes) -> Tensor:
        """One train step; its loss, which nobody has waited for."""
        loss = self.program.loss(*batch, routes)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def held(self) -> int:
        """Bytes of weights and optimizer state."""
        kept = {id(t): t for t in (*self.program.module.parameters(), *self.program.module.buffers())}
        for state in self.optimizer.state.values():
            kept |= {id(t): t for t in state.values() if isinstance(t, torch.Tensor)}
        return sum(t.nbytes for t in kept.values())


@dataclass
class Case:
    """One program under one load, and what was found."""

    name: str
    runner: Runner
    task: Task
    load: Load
    trained: int = 0
    """Steps of training before anything is measured (`learned`)."""
    first_seconds: float = 0.0
    """Compiling, and the first step."""
    peak_bytes: int | None = None
    loss: float | None = None
    """Of the last step: random tokens leave it near that of guessing."""
    turns: list[list[float]] = field(default_factory=list[list[float]])
    """Milliseconds of the timed steps, by turn."""

    def __post_init__(self) -> None:
        self._generator = torch.Generator(self.task.device).manual_seed(self.task.seed)
        self._steps = steps_of(self.task.graph)

    @property
    def is_learned(self) -> bool:
        """Whether the routers choose."""
        return self.load.kind == "learned"

    def draw(self) -> tuple[batches.Batch, Routes]:
        """The next batch and its choices."""
        make = batches.zipf if self.is_learned else batches.uniform
        return make(self.task, self._generator), self.routes()

    def routes(self) -> Routes:
        """The next choices; None for the routers' own."""
        if self.load.kind is None or self.is_learned:
            return None
        return self._drawn(self.load.kind)

    def any_routes(self) -> tuple[Tensor, ...]:
        """Choices of the shape that the net takes, where no load says which."""
        return self._drawn("uniform")

    def _drawn(self, kind: str) -> tuple[Tensor, ...]:
        return draw(self._steps, kind, self.load.skip, self.task.batch, self.task.length, self._generator)

    @property
    def means(self) -> list[float]:
        """Mean milliseconds of each turn."""
        return [sum(turn) / len(turn) for turn in self.turns]

    @property
    def ms(self) -> list[float]:
        """All timed steps."""
        return [value for turn in self.turns for value in turn]


Tell = Callable[[str], None]


def warm_up(cases: Sequence[Case], tell: Tell, after: int = WARM_UP) -> None:
    """Compile every case, train those that learn, and measure their peak memory (not of CUDA graphs, which took
    theirs when they were recorded).
    """
    for case in cases:
        tell(f"compiling {case.name}" if case.task.compile else f"warming up {case.name}")
        case.first_seconds = _seconds(case, lambda case=case: _run(case, 1))
        second = _seconds(case, lambda case=case: _run(case, 1))
        case.first_seconds = max(case.first_seconds - second, 0.0)
        _run(case, after)
        if case.trained:
            tell(f"training {case.name} for {case.trained} steps")
            _run(case, case.trained)
    for case in cases:
        if case.task.cuda_graphs:
            continue
        drawn = case.draw()
        with Peak(case.task.device) as peak:
            case.runner.step(*drawn)
        case.peak_bytes = None if peak.bytes is None else peak.bytes + case.runner.held()


def interleave(cases: Sequence[Case], *, steps: int, in_turn: int = 2, lead: int = 1, slow_ms: float = 60e3) -> None:
    """Time at least `steps` steps of every case, `in_turn` of them at a time after `lead` untimed ones.

    A case whose turns took more than `slow_ms` in all is left out of further rounds, once it had three. One whose
    steps take more than `LONG_MS` goes without untimed ones.
    """
    clock = clock_of(cases[0].task.device)
    for case in cases:
        case.turns.clear()
    for turn in range(ceil(steps / in_turn)):
        at = turn % len(cases)
        for case in (*cases[at:], *cases[:at]):
            if len(case.turns) < 3 or sum(case.ms) < slow_ms:
                is_long = bool(case.turns) and case.means[0] > LONG_MS
                case.turns.append(_turn(case, clock, in_turn, 0 if is_long else lead))


def _turn(case: Case, clock: Clock, in_turn: int, lead: int) -> list[float]:
    drawn = [case.draw() for _ in range(in_turn + lead)]
    for each in drawn[:lead]:
        case.runner.step(*each)
    marks, losses = [clock.mark()], list[Tensor]()
    for each in drawn[lead:]:
        losses.append(case.runner.step(*each))
        marks.append(clock.mark())
    times = clock.between(marks)
    case.loss = losses[-1].item()
    return times


def _run(case: Case, steps: int) -> None:
    for _ in range(steps):
        case.runner.step(*case.draw())


def _seconds(case: Case, do: Callable[[], None]) -> float:
    wait(case.task.device)
    begin = time.perf_counter()
    do()
    wait(case.task.device)
    return time.perf_counter() - begin
