"""A trained run on whole held-out data, as it is or with other settings (a sweep over k, say)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from dnac import data
from dnac.data.base import Dataset
from dnac.ir.form import Form
from dnac.train.checkpoint import Tell
from dnac.train.evaluate import evaluate
from dnac.train.run import Run

if TYPE_CHECKING:
    from dnac.lowering.network import Network


@dataclass(frozen=True)
class Exam:
    """What to measure, and where."""

    split: str = "valid"
    """`valid`, or `train` for the training data themselves."""
    batch_size: int | None = None
    """None: as the run trained."""
    batches: int | None = None
    """None: the whole split."""
    device: str = "cpu"
    lowering: str | None = None
    """None: as the run trained."""


@dataclass(frozen=True)
class Opened:
    """A trained network and the data to measure it on."""

    network: Network
    dataset: Dataset
    batch_size: int
    batches: int | None
    autocast: torch.dtype | None
    seeds: torch.Tensor

    def measure(self, **given: Any) -> dict[str, Any]:
        """`train.evaluate.evaluate`; `given` goes to the network's forward."""
        return evaluate(
            self.network,
            self.dataset,
            self.batch_size,
            batches=self.batches,
            autocast=self.autocast,
            seeds=self.seeds,
            **given,
        )


def opened(run: Run, settings: Sequence[str], exam: Exam, tell: Tell) -> Opened:
    """The run's latest checkpoint with the settings, and its data.

    Raises:
        Faults: a setting does not fit, the changed net has other weights, or the data cannot be used.
    """
    run = changed(run, settings)
    network = run.network(
        tell, settings=settings, device=exam.device, lowering=exam.lowering, autocast=run.resolved["autocast"]
    )
    train = run.spec_with(settings).train or run.train
    words = train["valid" if exam.split == "valid" else "data"]
    assert isinstance(words, Form)
    dataset = data.load(words, network.graph.input, run.root)
    size = exam.batch_size or run.resolved["micro_batch"]
    return Opened(network, dataset, size, exam.batches, autocast_of(run), seeds_of(run, exam.device))


def assess(run: Run, settings: Sequence[str], exam: Exam, tell: Tell) -> dict[str, Any]:
    """What `opened` measures, with the settings and the data's hash beside.

    Raises:
        Faults: as `opened`.
    """
    found = opened(run, settings, exam, tell)
    card = found.dataset.card
    return {"settings": list(settings), "data": card.name, "data_sha256": card.sha256, **found.measure()}


def changed(run: Run, settings: Sequence[str]) -> Run:
    """The run without those of its own settings that `settings` give anew."""
    anew = {_name(text) for text in settings}
    kept = [text for text in run.resolved["settings"] if _name(text) not in anew]
    return replace(run, resolved={**run.resolved, "settings": kept})


def autocast_of(run: Run) -> torch.dtype | None:
    """The type that the run computed products in, if another than that of its weights."""
    return getattr(torch, run.resolved["autocast"]) if run.resolved["autocast"] else None


def seeds_of(run: Run, device: str) -> torch.Tensor:
    """[2] int64: the run's routing seed, and train step 0, as at every evaluation."""
    return torch.tensor([run.resolved["seeds"]["routing"], 0], device=device)


def _name(setting: str) -> str:
    return setting.partition("=")[0].strip()
