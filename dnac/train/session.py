"""One run from its present step to its end: update, measure, evaluate, save, stop when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnac.data.base import Dataset
from dnac.lowering.cuda_graphs import not_recorded
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from dnac.train import checkpoint, errors
from dnac.train.active import ActiveFlops
from dnac.train.alerts import Alerts
from dnac.train.budgets import spending
from dnac.train.culprit import places
from dnac.train.events import Line, Listener, Sink
from dnac.train.guard import require_finite_weights
from dnac.train.interrupt import Interrupts, Stopped
from dnac.train.loop import Training, Update, train_step
from dnac.train.moments import FILE, load_moments, moments
from dnac.train.reached import WHEN, unreached
from dnac.train.statistics import mean_weights, routing_statistics

Evaluate = Callable[[], dict[str, float]]
"""Scores on held-out data, under names such as `valid_loss`."""


@dataclass
class Session:
    """A run in progress. Without `folder` nothing is written."""

    training: Training
    listener: Listener
    alerts: Alerts
    evaluate: Evaluate
    flops: ActiveFlops
    folder: Path | None = None
    digest: str = ""
    """Hash of what the run is of: goes into checkpoints."""
    sinks: list[Sink] = field(default_factory=list)
    seconds: float = 0.0
    """Time spent training, over all resumes."""
    saved: int = -1
    """The step of the last checkpoint."""
    _since: tuple[float, int] = (0.0, 0)
    _begun: float = 0.0

    def run(self, dataset: Dataset) -> None:
        """Train to the end.

        Raises:
            Faults: a number was not finite, memory or disk are used up; earlier checkpoints are as they were.
            Stopped: Ctrl-C or SIGTERM; all is saved.
        """
        settings = self.training.settings
        self._begun = time.perf_counter() - self.seconds
        self._since = (time.perf_counter(), self.training.step)
        batches = dataset.batches(settings.batch, settings.data_seed, self.training.position)
        with Interrupts(self._notice) as interrupts:
            while self.training.step < settings.total_steps:
                self._after(self._update(next(batches)))
                if interrupts.received is not None and self.training.step < settings.total_steps:
                    self.save()
                    raise Stopped(interrupts.received, self.training.step)

    def save(self) -> None:
        """Publish a checkpoint of the present step, unless there is one.

        Raises:
            Faults: a weight is not finite, or the disk is full.
        """
        run = self.training
        if self.folder is None or self.saved == run.step:
            return
        require_finite_weights(run.step, run.network, run.graph)
        state = {
            "position": run.position,
            "seconds": self._elapsed(),
            "digest": self.digest,
            "alerts": self.alerts.state,
        }
        for sink in self.sinks:
            sink.flush()
        tensors = {"weights": run.network.state_dict(), FILE: moments(run.network, run.optimizer)}
        checkpoint.save(self.folder, run.step, tensors, state)
        checkpoint.prune(self.folder, run.settings.train.keep)
        self.saved = run.step

    def restore(self, found: checkpoint.Checkpoint) -> None:
        """Take up weights, biases, moments and counters of a checkpoint.

        Raises:
            Faults: it holds other tensors.
        """
        found.load("weights", self.training.network.state_dict(), places(self.training.graph))
        load_moments(found, self.training.network, self.training.optimizer)
        self.training.step = self.saved = found.step
        self.seconds = found.state["seconds"]
        self.alerts.state = dict(found.state["alerts"])

    def _update(self, batch: Any) -> Update:
        try:
            return train_step(self.training, batch)
        except Faults as faults:
            diagnostic = next(iter(faults.bag))
            self._write(
                {
                    "step": self.training.step + 1,
                    "loss": None,
                    "fault": {"code": diagnostic.code, "message": diagnostic.message},
                }
            )
            raise

    def _after(self, update: Update) -> None:
        settings = self.training.settings
        self.listener.progress(update.step, settings.total_steps)
        if update.step == WHEN:
            self._look_at_gradients(update)
            self._look_at_recording()
        evaluating = settings.is_due(settings.eval_every, update.step)
        if evaluating or update.step == 1 or settings.is_due(settings.train.log_every, update.step):
            line = self._line(update)
            if evaluating:
                line |= self.evaluate()
                self._since = (time.perf_counter(), update.step)
            self._write(line)
            self._tell(line)
        if settings.is_due(settings.save_every, update.step):
            self.save()

    def _look_at_gradients(self, update: Update) -> None:
        network = self.training.network
        if isinstance(network, Network) and (names := unreached(network, update.counts)):
            of = sum(1 for _ in network.parameters())
            self.listener.warn(errors.not_reached(update.step, names, of, network.is_compiled))

    def _look_at_recording(self) -> None:
        if getattr(self.training.network, "cuda_graphs", False) and (programs := not_recorded()):
            self.listener.note(f"{programs} programs of a train step could not be CUDA graphs, and run without")

    def _line(self, update: Update) -> dict[str, Any]:
        now, settings = time.perf_counter(), self.training.settings
        then, step = self._since
        self._since = (now, update.step)
        return {
            "step": update.step,
            "loss": update.loss,
            "router_loss": update.router_loss,
            **({} if update.distance is None else {"distill_loss": update.distance}),
            "lr": update.lr,
            "grad_norm": update.gradient_norm,
            "tokens": update.step * settings.tokens_per_step,
            "tokens_per_s": round((update.step - step) * settings.tokens_per_step / max(now - then, 1e-9), 1),
            "seconds": round(self._elapsed(), 3),
            "active_flops_per_token": round(self.flops.per_token(update.counts)),
            **routing_statistics(self.training.graph, update.counts, update.stats),
            **self._budgets(update),
        }

    def _budgets(self, update: Update) -> dict[str, Any]:
        """`budgets`, where the net has any."""
        at = lambda number: self.training.settings.value(number, update.step)
        found = spending(self.training.graph, update.budgets, at)
        return {"budgets": found} if found else {}

    def _write(self, line: Line) -> None:
        for sink in self.sinks:
            sink.write(line)

    def _tell(self, line: Line) -> None:
        self.listener.metrics(line)
        if line["step"] == 1 and mean_weights(line):
            self.listener.note(_weights_at_start(line))
        for alert in self.alerts.watch(line):
            self.listener.warn(alert)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._begun if self._begun else self.seconds

    def _notice(self, number: int) -> None:
        self.listener.note("stopping after this train step; once more to stop at once")


def _weights_at_start(line: Line) -> str:
    means = mean_weights(line)
    low, high = f"{min(means.values()):.3g}", f"{max(means.values()):.3g}"
    return f"mean weight at initialisation: {low}" + (f" to {high} over the routing steps" if low != high else "")
