"""Early exit: loss against layers used, with and without losses behind every layer, and by confidence or at one layer.

python examples/experiments/early_exit/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import Arm, Claim, Series, Trained

LAYERS, HALF = 6, 3.0
THRESHOLDS = (0.05, 0.15, 0.3, 0.45, 0.6, 0.8)


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte with all layers, with half of them for every token, and with half of them by confidence."""
    curve = [point(trained), *(point(trained, f"over={threshold}") for threshold in THRESHOLDS)]
    _, static = point(trained, f"way[{int(HALF) - 1}].choose=threshold(-1)")
    return {
        "loss": curve[0][1],
        "half_by_confidence": between(curve, HALF),
        "half_for_all": static,
        "curve": curve,
    }


def point(trained: Trained, *settings: str) -> tuple[float, float]:
    """Mean layers that a token runs, and the loss."""
    import torch
    from torch.nn.functional import cross_entropy

    opened = trained.opened(*settings)
    network = opened.network.eval()
    layers, loss, tokens = 0, 0.0, 0
    for batch in opened.dataset.sequential(64):
        with torch.no_grad():
            output = network(batch.inputs)
        targets = batch.targets.flatten()
        loss += cross_entropy(output.logits.flatten(0, 1), targets, ignore_index=-100, reduction="sum").item()
        layers += sum(int(step.counts.sum()) for step in output.stats)  # who is there at a step ran the layer before it
        tokens += batch.inputs.numel()
    return layers / tokens, loss / int(sum((b.targets != -100).sum() for b in opened.dataset.sequential(64)))


def between(curve: list[tuple[float, float]], layers: float) -> float:
    """The loss at so many layers, on straight lines between the measured points."""
    points = sorted(curve)
    for (a, low), (b, high) in pairwise(points):
        if a <= layers <= b:
            return low if a == b else low + (high - low) * (layers - a) / (b - a)
    return points[0][1] if layers < points[0][0] else points[-1][1]


SERIES = Series(
    name="early_exit",
    spec=Path(__file__).parent / "exits.dna",
    arms=(Arm("plain"), Arm("taps"), Arm("dropped")),
    measure=measure,
    beside=("dropped",),
    shown=("loss", "half_by_confidence", "half_for_all"),
    claims=(
        Claim("taps", "plain", "half_by_confidence", at_most=-0.1, text="taps make the net good at half its layers"),
        Claim("taps", "plain", "loss", within=0.05, text="at little loss with all layers"),
        Claim(
            "dropped",
            "taps",
            "half_by_confidence",
            direction="down",
            text="dropping layers while training helps besides",
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
