"""Gates with a true zero under a budget (DiT, arXiv 2308.03409): what runs, what it costs, how tokens differ in depth.

    python examples/experiments/dit_gates/run.py [--out DIR] [--seeds 42 137] [--only mu30] [--jobs 2]

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import SPECS, Arm, Claim, Series, Trained

NETS = ("no_budget", "mu60", "mu30", "mu10")
LENGTH = ("train.length=steps(500)", "train.eval_every=steps(500)")


def measure(trained: Trained) -> dict[str, Any]:
    """Held-out accuracy, the executed and the soft share, and how many blocks tokens and images run through."""
    opened = trained.opened()
    found = opened.measure()
    spent = found["budgets"]["compute"]
    depth_std, image_std, layers = depths(opened)
    return {
        "accuracy": found["accuracy"],
        "loss": found["loss"],
        "executed": spent["reached"],
        "soft": spent["soft"],
        "flops": found["active_flops_per_token"],
        "depth_std": depth_std,
        "image_std": image_std,
        "by_layer": layers,
    }


def depths(opened: Any) -> tuple[float, float, list[float]]:
    """Spread over tokens of the number of blocks that ran, spread of its mean over images, and share by layer."""
    import torch

    ran = []
    with torch.no_grad():
        opened.network.eval()
        for batch in opened.dataset.sequential(opened.batch_size):
            record = opened.network(batch.inputs, record=True).record
            ran.append(torch.stack([(step.ids == 0).any(-1) for step in record], -1).double())
    every = torch.cat(ran)
    depth = every.sum(-1)
    return depth.std().item(), depth.mean(-1).std().item(), every.mean((0, 1)).tolist()


CLAIMS = (
    *(Claim(f"mu{n}", n / 100, "executed", within=0.08, text=f"executed share at mu = .{n // 10}") for n in (60, 30)),
    Claim("mu30", "no_budget", "accuracy", at_least=-0.02, text="accuracy at mu = .3, less without a budget"),
    Claim("mu30", None, "depth_std", at_least=0.3, text="tokens differ in depth at mu = .3 (std, of 4 blocks)"),
    Claim("mu10", 0.1, "executed", direction="up", text="executed share at mu = .1, less .1"),
    Claim("mu60", "mu30", "executed", direction="up", text="the executed share follows mu: .6 less .3"),
    Claim("mu30", "mu10", "executed", direction="up", text="the executed share follows mu: .3 less .1"),
)
"""S2 of the acceptance table, set before the reported seeds; the last three have no line."""

SERIES = Series(
    name="dit_gates",
    spec=SPECS / "dit_gates.dna",
    arms=tuple(Arm(name, net="dit_gates" if name == "mu30" else name, settings=LENGTH) for name in NETS),
    measure=measure,
    shown=("accuracy", "executed", "soft", "depth_std", "image_std", "flops"),
    claims=CLAIMS,
    beside=("mu10",),
    controlled=("mu30",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
