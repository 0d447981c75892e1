"""Do tokens that halt by their own first channel serve as well as a fixed depth, at less work? (A-ViT)

python examples/experiments/a_vit/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import claims as judging
from frontier import beside
from series import Arm, Claim, Series, Trained

LAYERS = 6
DEPTHS = (2, 4, LAYERS)
DENSE = tuple(f"dense{depth}" for depth in DEPTHS)
ARMS = (Arm("a_vit"), *(Arm(f"dense{d}", "dense", (f"depth={d}",)) for d in DEPTHS))
SHOWN = ("accuracy", "loss", "steps", "steps_std", "ink", "kflops", "work", "excess")
CLAIMS = (
    Claim("a_vit", None, "work", at_most=0.75, text="FLOPs, of those of all six blocks for all tokens"),
    Claim("a_vit", "dense6", "accuracy", at_least=-0.02, text="accuracy, less all six blocks"),
    Claim("a_vit", None, "excess", at_least=0.0, text="accuracy, less dense nets at equal FLOPs"),
    Claim("a_vit", None, "steps_std", at_least=0.3, text="tokens differ in depth (std, of 6 blocks)"),
    Claim("a_vit", None, "ink", direction="up", text="correlation of a token's depth with its ink"),
)
"""The pass lines, set before the runs; the last has none."""


def measure(trained: Trained) -> dict[str, Any]:
    """Held-out accuracy and loss, FLOPs a token, and how many blocks tokens took."""
    opened = trained.opened()
    found = opened.measure()
    return {
        "accuracy": found["accuracy"],
        "loss": found["loss"],
        "kflops": found["active_flops_per_token"] / 1e3,
        **depths(opened),
    }


def depths(opened: Any) -> dict[str, float | None]:
    """Mean and spread over tokens of the blocks that they took; its correlation with the ink of their patches."""
    import torch

    taken, ink = [], []
    opened.network.eval()
    for batch in opened.dataset.sequential(opened.batch_size):
        with torch.no_grad():
            record = opened.network(batch.inputs, record=True).record
        if not record:
            return {"steps": None, "steps_std": None, "ink": None}
        here = torch.full(record[0].ids.shape[:2], LAYERS)
        for step in range(len(record) - 1, -1, -1):  # who leaves at a step took no further one
            here = torch.where(record[step].ids[..., 0] >= 0, step + 1, here)
        taken.append(here.double())
        ink.append(torch.nn.functional.avg_pool2d(batch.inputs.double().movedim(-1, 1), 2).flatten(1))
    steps, drawn = torch.cat(taken), torch.cat(ink)
    told = torch.corrcoef(torch.stack([steps.flatten(), drawn.flatten()]))[0, 1]
    return {
        "steps": steps.mean().item(),
        "steps_std": steps.std().item(),
        "ink": 0.0 if told.isnan() else told.item(),
    }


def table(results: list[dict[str, Any]]) -> str:
    """As for all experiments, with FLOPs against all six blocks, and the distance from dense nets of equal FLOPs."""
    found = beside(results, DENSE, "kflops", "accuracy")
    whole = {r["seed"]: r["figures"]["kflops"] for r in results if r["arm"] == DENSE[-1]}
    for result in found:
        figures = result["figures"]
        figures["work"] = figures["kflops"] / whole[result["seed"]] if result["seed"] in whole else None
    return judging.table(found, [arm.name for arm in ARMS], SHOWN, CLAIMS)


SERIES = Series(
    name="a_vit",
    spec=Path(__file__).parent / "halting.dna",
    arms=ARMS,
    measure=measure,
    claims=CLAIMS,
    table=table,
    controlled=("a_vit",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
