"""Losses beside the task's own: the distance from a teacher's outputs (`loss = task + 0.5 * distill(...)`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnac.data.base import IGNORED
from dnac.ir.form import Form
from dnac.kinds.train import TrainParams
from dnac.lowering.network import Network
from dnac.semantics.sums import INITIAL
from dnac.text.diagnostic import Faults
from dnac.train import errors
from dnac.train.checkpoint import Tell
from dnac.train.run import Run


@dataclass(frozen=True)
class Teacher:
    """A network that is not trained, and how far from it counts."""

    network: Network
    weight: float | Form
    tau: float

    def loss(self, inputs: Tensor, logits: Tensor, targets: Tensor, count: int, **given: Any) -> Tensor:
        """tau^2 times the sum of KL(teacher || student) over the targets that count, divided by `count`."""
        with torch.no_grad():
            wanted = self.network(inputs, **given).logits
        return divergence(wanted, logits, targets, self.tau) / max(count, 1)


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
    """The teachers of all `distill` terms, ready to run. `made`: device, dtype.

    Raises:
        Faults: a run is not there, or its outputs are not those of the net.
    """
    found: list[Teacher] = []
    for term in train.loss:
        if term.name != "distill":
            continue
        network = _network(str(term["teacher"]), at, tell, **made).eval().requires_grad_(False)
        if network.graph.input != graph.input and _outputs(network.graph) != _outputs(graph):
            raise Faults(errors.teacher_differs(str(term["teacher"]), _outputs(network.graph), _outputs(graph)))
        tau = term["tau"]
        assert isinstance(tau, float)
        found.append(Teacher(network, _weight(term), tau))
    return tuple(found)


def _network(name: str, at: Place, tell: Tell, *, device: Any, dtype: Any) -> Network:
    from dnac import driver

    if name.endswith(INITIAL) and not (at.root / name).exists():
        spec = driver.load(at.source, net=name.removesuffix(INITIAL), settings=at.settings)
        return spec.build(device=device, dtype=dtype, seed=at.seed)
    return Run.open(at.root / name).network(tell, device=str(device)).to(dtype)


def _outputs(graph: Any) -> Any:
    return graph.input.get("vocabulary") or graph.input.get("classes")


def _weight(term: Form) -> float | Form:
    weight = term["weight"]
    return weight if isinstance(weight, Form) else float(str(weight))
