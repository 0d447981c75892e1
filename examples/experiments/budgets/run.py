"""One net and one budget, kept four ways; and whether a budget that begins loose and tightens serves better.

    python examples/experiments/budgets/run.py [--out DIR] [--seeds 42 137] [--only by_purse] [--jobs 2]

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import SPECS, Arm, Claim, Series, Trained

DEAD = 0.01
"""A module that takes less than this share of its step's choices is dead."""
WAYS = ("by_loss", "by_log", "by_bias", "by_purse")
LENGTH = ("train.length=steps(400)", "train.eval_every=steps(400)")
PURSE = ("mu=50%", "compute.by=hard", "compute.per=token", *LENGTH)
"""A purse for gates of which all start open: 2 of the 4 blocks."""
SHARE = {"by_loss": "quadratic loss", "by_log": "log loss", "by_bias": "bias", "by_purse": "purse"}


def measure(trained: Trained) -> dict[str, Any]:
    """Held-out accuracy; the executed share by the budget's own count and by the choices; tokens above the target."""
    opened = trained.opened()
    found = opened.measure()
    spent = found["budgets"]["compute"]
    shares = token_shares(opened)
    loads = [share for router in found["routers"].values() for share in router["load"][:-1]]
    return {
        "accuracy": found["accuracy"],
        "loss": found["loss"],
        "executed": spent["reached"],
        "soft": spent["soft"],
        "violations": sum(share > spent["target"] + 1e-6 for share in shares) / len(shares),
        "most": max(shares),
        "dead": sum(load < DEAD for load in loads),
        "flops": found["active_flops_per_token"],
    }


def token_shares(opened: Any) -> list[float]:
    """The share of all steps' blocks that each held-out token ran through, counted from the routing record."""
    import torch

    ran = []
    with torch.no_grad():
        opened.network.eval()
        for batch in opened.dataset.sequential(opened.batch_size):
            record = opened.network(batch.inputs, record=True).record
            keep = record[0].gates.shape[-1] - 1
            ran.append(torch.stack([(step.ids[..., 0] >= 0) & (step.ids[..., 0] != keep) for step in record], -1))
    return torch.cat(ran).double().mean(-1).flatten().tolist()


CLAIMS = (
    *(Claim(way, 0.4, "executed", within=0.03, text=f"executed share at 40 %, by {SHARE[way]}") for way in WAYS),
    Claim("by_purse", None, "violations", at_most=0.0, text="tokens above a hard budget"),
    Claim(
        "gates_by_purse",
        0.5,
        "executed",
        within=0.03,
        text="executed share at 50 %, by purse, of gates that start open",
    ),
    Claim("gates_by_purse", None, "violations", at_most=0.0, text="tokens above it"),
    Claim("ramped", 0.3, "executed", within=0.03, text="executed share at 30 %, ramped over half of the run"),
    Claim("ramped", "at_once", "accuracy", at_least=0.0, text="accuracy: ramped less from step 0"),
    Claim("ramped", "at_once", "dead", direction="down", text="dead modules: ramped less from step 0"),
    *(Claim(way, "no_budget", "accuracy", direction="down", text=f"accuracy: {way} less no budget") for way in WAYS),
)
"""S13 of the acceptance table and the curriculum of section 1.10, set before the reported seeds. Lines without a figure
are shown for their direction."""

SERIES = Series(
    name="budgets",
    spec=SPECS / "budgets.dna",
    arms=(
        Arm("by_loss", net="budgets", settings=LENGTH),
        *(Arm(name, settings=LENGTH) for name in (*WAYS[1:], "no_budget", "at_once", "ramped")),
        Arm("gates_by_purse", net="dit_gates", spec=SPECS / "dit_gates.dna", settings=PURSE),
    ),
    measure=measure,
    shown=("accuracy", "executed", "soft", "violations", "dead", "flops"),
    claims=CLAIMS,
    beside=("no_budget",),
    controlled=("by_loss",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
