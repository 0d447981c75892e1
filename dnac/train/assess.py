"""A trained run on whole held-out data, as it is or with other settings (a sweep over k, say)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from dnac import data
from dnac.ir.form import Form
from dnac.train.checkpoint import Tell
from dnac.train.evaluate import evaluate
from dnac.train.run import Run


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


def assess(run: Run, settings: Sequence[str], exam: Exam, tell: Tell) -> dict[str, Any]:
    """`train.evaluate.evaluate` of the run's latest checkpoint, with the settings and the data's hash beside.

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
    found = evaluate(
        network,
        dataset,
        exam.batch_size or run.resolved["micro_batch"],
        batches=exam.batches,
        autocast=autocast_of(run),
        seeds=seeds_of(run, exam.device),
    )
    return {"settings": list(settings), "data": dataset.card.name, "data_sha256": dataset.fingerprint, **found}


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
