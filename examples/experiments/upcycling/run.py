"""Sparse Upcycling (arXiv 2212.05055): a dense net trained on, beside mixtures whose experts start as its copies.

    python examples/experiments/upcycling/run.py [--out DIR] [--seeds 42 137] [--jobs 2] [--only top1]

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import Arm, Claim, Series, Task

HERE = Path(__file__).resolve().parent
BATCHES = 60

ARMS = (
    Arm("dense"),
    Arm("top1", net="upcycled"),
    Arm("top2", net="upcycled2"),
    Arm("scratch", net="upcycled"),
)
"""`dense` is trained on from the same checkpoint; `scratch` is `top1` without it, trained as long as both together."""


def work(task: Task) -> dict[str, Any]:
    """Train the dense net, write it, and train the arm's net from it for as many updates again."""
    from dnac.importing.export import export

    if task.arm.name == "scratch":
        said = any(text.startswith("updates") for text in task.settings)  # with --set, for trying
        trained = task.train(settings=() if said else ("updates=500",), name="whole")
        return {"loss": loss_of(trained.opened())}
    first = task.train(net="dense", name="first").opened()
    folder = task.folder / "dense"
    if not folder.exists():
        export(first.network, folder)
    trained = task.train(settings=(f'weights="{folder}"',), name="second")
    return {"loss": loss_of(trained.opened()), "start": start_of(trained, first), "first": loss_of(first)}


def start_of(trained: Any, first: Any) -> float:
    """The largest difference of the logits before the first update from those of the dense net."""
    import torch

    import dnac

    resolved = trained.run.resolved
    start = dnac.load(HERE / "upcycling.dna", net=resolved["net"], settings=resolved["settings"]).build().eval()
    (batch,) = islice(first.dataset.sequential(4), 1)
    with torch.no_grad():
        return float((start(batch.inputs).logits - first.network(batch.inputs).logits).abs().max())


def loss_of(held: Any) -> float:
    """Mean loss on the first held-out batches."""
    from dnac.train.evaluate import evaluate

    return evaluate(held.network, held.dataset, 16, batches=BATCHES)["loss"]


SERIES = Series(
    name="upcycling",
    spec=HERE / "upcycling.dna",
    arms=ARMS,
    work=work,
    beside=("scratch",),
    shown=("loss",),
    claims=(
        Claim("top1", None, "start", within=1e-4, text="copies under one start as the dense net"),
        Claim("top2", None, "start", within=1e-4, text="copies under two start as the dense net"),
        Claim("top1", "dense", "loss", at_most=0.0, text="one of four copies a token is no worse than the dense net"),
        Claim("top2", "dense", "loss", at_most=-0.005, text="two of four are better than the dense net"),
        Claim("top1", "scratch", "loss", direction="down", text="better than the same net from scratch, same updates"),
    ),
)


if __name__ == "__main__":
    sys.exit(SERIES.main())
