"""Radial Networks from scratch: one history for all steps, a cache per layer, and dense nets of equal mean depth.

python examples/experiments/radial_scratch/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import claims as judging
from frontier import beside
from series import Arm, Claim, Series, Trained

LAYERS = 4
DEPTHS = (1, 2, 5)
DENSE = ("nothing", *(f"dense{depth}" for depth in DEPTHS))
"""Of 0, 1, 2 and 5 layers: a token of a radial net runs 0 to 5."""
ARMS = (
    Arm("radial"),
    Arm("radial_module"),
    Arm("nothing"),
    *(Arm(f"dense{depth}", "dense", (f"depth={depth}",)) for depth in DEPTHS),
)
SHOWN = ("loss", "depth", "spread", "mflops", "excess")
CLAIMS = (
    Claim("radial", "radial_module", "loss", direction="down", text="one history is better than a cache per layer"),
    Claim(
        "radial",
        "radial_module",
        "excess",
        direction="down",
        text="so it is where each is held against dense nets of its own mean depth",
    ),
    Claim("radial", None, "excess", direction="down", text="with one history: better than dense of equal mean depth"),
    Claim(
        "radial_module",
        None,
        "excess",
        direction="down",
        text="with a cache per layer: better than dense of equal mean depth",
    ),
    Claim("radial", "nothing", "loss", direction="down", text="it learns more than a net without layers"),
)
"""Directions, set before the runs: no paper has trained a Radial Network, so there is no size to hold them against."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte; layers that a token runs on average, and their standard deviation; FLOPs a token."""
    opened = trained.opened()
    found = opened.measure()
    mean, spread = depths(opened)
    return {"loss": found["loss"], "depth": mean, "spread": spread, "mflops": found["active_flops_per_token"] / 1e6}


def depths(opened: Any) -> tuple[float, float]:
    """Mean and standard deviation over tokens of the layers that they ran."""
    import torch

    network, layers = opened.network.eval(), []
    for batch in opened.dataset.sequential(64):
        with torch.no_grad():
            record = network(batch.inputs, record=True).record
        if not record:
            dense = sum(part.name == "mlp" for module in network.graph.modules for part in module.parts)
            return float(dense), 0.0
        layers.append(sum(((step.ids >= 0) & (step.ids < LAYERS)).sum(-1) for step in record).flatten())
    ran = torch.cat(layers).double()
    return float(ran.mean()), float(ran.std())


def table(results: list[dict[str, Any]]) -> str:
    """As for all experiments, with the distance from the dense nets of equal mean depth."""
    return judging.table(beside(results, DENSE, "depth", log=False), [arm.name for arm in ARMS], SHOWN, CLAIMS)


SERIES = Series(
    name="radial_scratch",
    spec=Path(__file__).parent / "radial.dna",
    arms=ARMS,
    measure=measure,
    claims=CLAIMS,
    table=table,
    controlled=("radial",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
