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
BATCHES = 24


def arm(name: str, net: str, *settings: str) -> Arm:
    """An arm that starts from the checkpoint."""
    return Arm(name, net=net, settings=(WEIGHTS, *settings))


ARMS = (
    arm("static4", "static"),
    arm("static3", "static", "until=4"),
    arm("skip4", "skipping", "target=20%"),
    arm("skip3", "skipping", "target=40%"),
    arm("exit4", "radial", "target=20%"),
    arm("exit3", "radial", "target=25%"),
    arm("straight4", "straight", "target=20%"),
    arm("history4", "unified", "target=20%"),
)
"""The number is the mean depth wanted: layers a token. `skip4` skips a fifth of five layers; of `exit4`'s choices, one
in five is the way out, so four are layers."""


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
        Claim("skip4", None, "start", within=1e-4, text="it starts as the dense net (skipping)"),
        Claim("exit4", None, "start", within=1e-4, text="it starts as the dense net (leaving)"),
        Claim("history4", None, "start", at_least=1.0, text="with one history for all it starts as another net"),
        Claim("skip4", "static4", "cost", direction="down", text="skipping costs less than layer 2 left out, depth 4"),
        Claim(
            "skip3",
            "static3",
            "cost",
            direction="down",
            text="skipping costs less than layers 2 and 4 left out, depth 3",
        ),
        Claim("exit4", "static4", "cost", direction="down", text="leaving costs less than layer 2 left out, depth 4"),
        Claim(
            "exit3",
            "static3",
            "cost",
            direction="down",
            text="leaving costs less than layers 2 and 4 left out, depth 3",
        ),
        Claim("skip4", 4.0, "depth", within=0.15, text="the depth that was asked for"),
        Claim(
            "lowered4", "exit4", "kl", direction="up", text="a margin that falls comes less near than a weight of one"
        ),
    ),
)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    from stories import prepare

    prepare(STORIES)
    sys.exit(SERIES.main())
