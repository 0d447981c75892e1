"""Radial Networks from stories260K: what routing among pretrained layers keeps at fewer layers a token.

    python examples/experiments/radial_pretrained/run.py [--out DIR] [--seeds 42 137] [--jobs 2] [--only exit4]

Needs `.data/stories260K/` (README). Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import DATA, Arm, Claim, Series, Trained

HERE = Path(__file__).resolve().parent
STORIES = DATA / "stories260K"
WEIGHTS = f'weights="{STORIES / "stories260K.bin"}"'
BATCHES = 16


def arm(name: str, net: str, *settings: str) -> Arm:
    """An arm that starts from the checkpoint."""
    return Arm(name, net=net, settings=(WEIGHTS, *settings))


ARMS = (
    arm("static4", "static"),
    arm("static3", "static", "until=4"),
    arm("skip4", "skipping", "target=0.8"),
    arm("skip3", "skipping", "target=0.6"),
    arm("exit4", "radial", "target=0.667", "pull=200"),
    arm("straight4", "straight", "target=0.8"),
    arm("history4", "unified", "target=0.667"),
)
"""The number is the mean depth wanted: layers a token. The budget's target is a share of the dearest choice at every
routing step: 4 of 5 layers where a step is its layer or a skip, 4 of 6 where a token runs on until it leaves."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss, distance from the dense net and mean depth on held-out stories; and the loss with which it started."""
    import torch
    from torch.nn.functional import cross_entropy

    import dnac
    from dnac.train.distill import divergence

    spec = HERE / "stories.dna"
    held = trained.opened()
    teacher = dnac.load(spec, net="dense", settings=[WEIGHTS]).build().eval()
    settings = trained.run.resolved["settings"]
    start = dnac.load(spec, net=trained.run.resolved["net"], settings=settings).build().train()
    sums, targets = torch.zeros(5, dtype=torch.float64), 0
    with torch.no_grad():
        for batch in islice(held.dataset.sequential(8), BATCHES):
            wanted, found, first = teacher(batch.inputs), held.network(batch.inputs, record=True), start(batch.inputs)
            losses = [
                float(cross_entropy(output.logits.flatten(0, 1), batch.targets.flatten(), reduction="sum"))
                for output in (found, wanted, first)
            ]
            ran = layers_of(held.network.graph, found.record, batch.inputs.numel())
            apart = float(divergence(wanted.logits, found.logits, batch.targets))
            sums += torch.tensor([*losses, apart, ran], dtype=torch.float64)
            targets += batch.targets.numel()
    loss, dense, began, apart, depth = (sums / targets).tolist()
    return {"loss": loss, "dense": dense, "cost": loss - dense, "start": began - dense, "kl": apart, "depth": depth}


def layers_of(graph: Any, record: Any, tokens: int) -> float:
    """Layers that ran, summed over tokens."""
    if not record:
        return float(tokens * sum(part.name == "mlp" for m in graph.modules for part in m.parts))
    return float(sum(int(((step.ids >= 0) & (step.ids < 5)).sum()) for step in record))


SERIES = Series(
    name="radial_pretrained",
    spec=HERE / "stories.dna",
    arms=ARMS,
    measure=measure,
    shown=("loss", "cost", "kl", "depth", "start"),
    claims=(
        Claim("skip4", None, "start", within=1e-4, text="it starts as the dense net (each step its layer or a skip)"),
        Claim("exit4", None, "start", within=1e-4, text="it starts as the dense net (layers until the way out)"),
        Claim("history4", None, "start", at_least=0.5, text="with one history for all it starts as another net"),
        Claim("skip4", 4.0, "depth", within=0.15, text="skipping reaches the depth asked for: 4"),
        Claim("skip3", 3.0, "depth", within=0.15, text="skipping reaches the depth asked for: 3"),
        Claim(
            "skip4", "static4", "cost", at_most=0.0, text="at depth 4 learned skips cost no more than a layer left out"
        ),
        Claim("skip3", "static3", "cost", at_most=0.0, text="at depth 3 no more than two layers left out"),
        Claim("straight4", "skip4", "cost", direction="up", text="a weight of one, straight through, chooses worse"),
        Claim("exit4", 4.0, "depth", within=0.15, text="leaving reaches the depth asked for: 4"),
    ),
)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    from stories import prepare

    prepare(STORIES)
    sys.exit(SERIES.main())
