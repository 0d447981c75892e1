"""Losses beside the task's own: the distance from a teacher (`loss = task + 0.5 * distill(...)`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnac.data.base import IGNORED
from dnac.ir.form import Form
from dnac.kinds.train import TrainParams
from dnac.lowering.base import Output
from dnac.lowering.network import Network
from dnac.semantics.sums import INITIAL
from dnac.text.diagnostic import Faults
from dnac.train import errors
from dnac.train.checkpoint import Tell
from dnac.train.residuals import Ratios, blame, layers_differ, worth_running
from dnac.train.routing import routing_steps
from dnac.train.run import Run


@dataclass(frozen=True)
class Lesson:
    """What counts of a teacher: one term of the loss."""

    weight: float | Form
    tau: float = 1.0
    skip: float | None = None
    """The share of pairs (token, layer) to leave out; None: the outputs count."""


@dataclass(frozen=True)
class Teacher:
    """A network that is not trained, and how far from it counts."""

    network: Network
    lessons: tuple[Lesson, ...]
    skips: tuple[tuple[int, ...], ...] = ()
    """Slots of identities at each routing step of the net, where residuals count."""

    @property
    def needs_record(self) -> bool:
        """Whether it asks for the net's gates."""
        return any(lesson.skip is not None for lesson in self.lessons)

    def loss(
        self, inputs: Tensor, output: Output, targets: Tensor, count: int, value: Callable[[Any], float], **given: Any
    ) -> Tensor:
        """The weighted sum of its lessons, each summed over the targets that count and divided by `count`.

        value: a weight that may be a schedule, to its number now.
        """
        heard = Ratios() if self.needs_record else None
        with torch.no_grad():
            wanted = self.network(inputs, watch=heard, **given).logits
        total = torch.zeros((), dtype=torch.promote_types(wanted.dtype, torch.float32), device=wanted.device)
        for lesson in self.lessons:
            if lesson.skip is None or heard is None:
                distance = divergence(wanted, output.logits, targets, lesson.tau)
            else:
                kept = worth_running(heard.stacked(), targets != IGNORED, lesson.skip)
                distance = blame(output.record, self.skips, kept, targets != IGNORED)
            total = total + value(lesson.weight) * distance / max(count, 1)
        return total


def divergence(teacher: Tensor, student: Tensor, targets: Tensor, tau: float = 1.0) -> Tensor:
    """tau^2 KL(softmax(teacher / tau) || softmax(student / tau)), [..., V], summed over targets [...] that count."""
    wide = torch.promote_types(student.dtype, torch.float32)
    log_p, log_q = (torch.log_softmax(z.to(wide) / tau, dim=-1) for z in (teacher, student))
    each = (log_p.exp() * (log_p - log_q)).sum(-1)
    return tau**2 * torch.where(targets == IGNORED, 0, each).sum()


def weight_of_task(train: TrainParams) -> tuple[float | Form, ...]:
    """The weights of the task's own terms: their sum multiplies its loss."""
    return tuple(_weight(term) for term in train.loss if term.name == "task")


@dataclass(frozen=True)
class Place:
    """Where a run finds its teachers."""

    source: Path
    """The spec."""
    settings: tuple[str, ...]
    root: Path
    """Paths of runs begin here."""
    seed: int
    """Of the first weights of a net of the file."""


def teachers(train: TrainParams, graph: Any, at: Place, tell: Tell, **made: Any) -> tuple[Teacher, ...]:
    """The teachers of all `distill` terms, ready to run, each once. `made`: device, dtype.

    Raises:
        Faults: a run is not there, its outputs are not those of the net, or its layers not the net's routing steps.
    """
    terms = [term for term in train.loss if term.name == "distill"]
    found: list[Teacher] = []
    for name in dict.fromkeys(str(term["teacher"]) for term in terms):
        network = _network(name, graph.name, at, tell, **made).eval().requires_grad_(False)
        if network.graph.input != graph.input and _outputs(network.graph) != _outputs(graph):
            raise Faults(errors.teacher_differs(name, _outputs(network.graph), _outputs(graph)))
        lessons = tuple(_lesson(term) for term in terms if term["teacher"] == name)
        teacher = Teacher(network, lessons, tuple(step.skips for step in routing_steps(graph)))
        if teacher.needs_record and (what := layers_differ(network.graph, graph)):
            raise Faults(errors.residuals_differ(name, what))
        found.append(teacher)
    return tuple(found)


def _is_of_one_net(setting: str) -> bool:
    """`hub.score=linear` and `train.lr=1e-3` are said of the net that is trained, `depth=5` of the whole file."""
    return "." in setting.partition("=")[0]


def _network(name: str, of: str, at: Place, tell: Tell, *, device: Any, dtype: Any) -> Network:
    """The teacher of a net that is called `of`."""
    from dnac import driver

    if name.endswith(INITIAL) and not (at.root / name).exists():
        net = name.removesuffix(INITIAL)
        settings = at.settings if net == of else tuple(text for text in at.settings if not _is_of_one_net(text))
        spec = driver.load(at.source, net=net, settings=settings)
        return spec.build(device=device, dtype=dtype, seed=at.seed, level="O1")
    return Run.open(at.root / name).network(tell, device=str(device)).to(dtype)


def _outputs(graph: Any) -> Any:
    return graph.input.get("vocabulary") or graph.input.get("classes")


def _lesson(term: Form) -> Lesson:
    tau, skip = term["tau"], term.get("skip")
    assert isinstance(tau, float)
    return Lesson(_weight(term), tau, float(skip) if isinstance(skip, int | float) else None)


def _weight(term: Form) -> float | Form:
    weight = term["weight"]
    return weight if isinstance(weight, Form) else float(str(weight))
