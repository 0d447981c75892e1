"""Gates that learn from what their draws earned (SkipNet), beside straight-through gates and dense nets of equal work.

python examples/experiments/skipnet/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import claims as judging
from frontier import beside
from series import SPECS, Arm, Claim, Series, Trained

DEPTHS = (2, 4, 6)
DENSE = tuple(f"dense{depth}" for depth in DEPTHS)
DRAWN = "gate.choose=sample(1, eval = sample)"
LIKELIER = "gate.choose=sample(1, eval = largest)"
TRAINED = (DRAWN, "train.length=steps(400)", "train.lr=schedule(0, linear(1.5e-3, 10%), cosine(1.5e-4, 100%))")
HERE = Path(__file__).parent / "dense.dna"
ARMS = (
    Arm("skipnet", settings=TRAINED),
    Arm("straight", settings=TRAINED),
    *(Arm(f"dense{d}", "dense", (f"depth={d}",), HERE) for d in DEPTHS),
)
SHOWN = (
    "accuracy",
    "loss",
    "likelier",
    "executed",
    "executed_likelier",
    "depth_std",
    "image_std",
    "kflops",
    "work",
    "excess",
)
CLAIMS = (
    Claim("skipnet", None, "work", at_most=0.7, text="FLOPs, of those of all six blocks for all tokens"),
    Claim("skipnet", 0.6, "executed", within=0.08, text="executed share at 60 %"),
    Claim("skipnet", "dense6", "accuracy", at_least=-0.02, text="accuracy, less all six blocks"),
    Claim("skipnet", None, "excess", at_least=0.0, text="accuracy, less dense nets at equal FLOPs"),
    Claim("straight", 0.6, "executed", within=0.08, text="straight through: executed share at 60 %"),
    Claim("straight", None, "excess", at_least=0.0, text="straight through: accuracy, less dense nets at equal FLOPs"),
    Claim("skipnet", "straight", "accuracy", direction="up", text="accuracy: by reward, less straight through"),
    Claim("skipnet", None, "image_std", direction="up", text="images differ in depth (std, of 6 blocks)"),
)
"""The pass lines, set before the runs; the last two have none."""


def measure(trained: Trained) -> dict[str, Any]:
    """Held-out accuracy and loss, FLOPs a token, the executed share, and how many blocks tokens and images took.

    At evaluation gates draw, as in training; `likelier`: accuracy where the likelier of both is taken.
    """
    opened = trained.opened()
    found = opened.measure()
    routed = "budgets" in found and bool(found["budgets"])
    token_std, image_std = depths(opened) if routed else (None, None)
    sure = trained.evaluate(LIKELIER) if routed else None
    return {
        "accuracy": found["accuracy"],
        "loss": found["loss"],
        "executed": found["budgets"]["compute"]["reached"] if routed else None,
        "likelier": sure and sure["accuracy"],
        "executed_likelier": sure and sure["budgets"]["compute"]["reached"],
        "depth_std": token_std,
        "image_std": image_std,
        "kflops": found["active_flops_per_token"] / 1e3,
    }


def depths(opened: Any) -> tuple[float, float]:
    """Spread over tokens of the number of blocks that ran, and spread of its mean over images."""
    import torch

    ran = []
    opened.network.eval()
    for batch in opened.dataset.sequential(opened.batch_size):
        with torch.no_grad():
            record = opened.network(batch.inputs, record=True).record
        ran.append(torch.stack([step.ids[..., 0] == 0 for step in record], -1).double().sum(-1))
    depth = torch.cat(ran)
    return depth.std().item(), depth.mean(-1).std().item()


def table(results: list[dict[str, Any]]) -> str:
    """As for all experiments, with FLOPs against all six blocks, and the distance from dense nets of equal FLOPs."""
    found = beside(results, DENSE, "kflops", "accuracy")
    whole = {r["seed"]: r["figures"]["kflops"] for r in results if r["arm"] == DENSE[-1]}
    for result in found:
        figures = result["figures"]
        figures["work"] = figures["kflops"] / whole[result["seed"]] if result["seed"] in whole else None
    return judging.table(found, [arm.name for arm in ARMS], SHOWN, CLAIMS)


SERIES = Series(
    name="skipnet",
    spec=SPECS / "skipnet.dna",
    arms=ARMS,
    measure=measure,
    claims=CLAIMS,
    table=table,
    controlled=("skipnet",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
