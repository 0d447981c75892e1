"""Pools of unlike modules on digits: attention, convolutions and linear attention in one pool, beside pools of a kind.

    python examples/experiments/unlike_modules/run.py [--out DIR] [--seeds 42 137] [--only unlike] [--jobs 2]

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import HELD, Arm, Claim, Series, Trained

NETS = ("dense", "unlike", "all_attention", "all_conv", "all_linear", "chance")
KINDS = {"att": (0, 1), "con": (2, 3), "lin": (4, 5)}
"""Slots of the mixers of each group."""

CLAIMS = (
    Claim("unlike", "all_attention", "accuracy", at_least=-0.01, text="unlike mixers do no worse than attention alone"),
    Claim("unlike", "all_conv", "accuracy", at_least=-0.01, text="nor than convolutions alone"),
    Claim("unlike", "all_linear", "accuracy", at_least=-0.01, text="nor than linear attention alone"),
    Claim("unlike", "dense", "accuracy", at_least=-0.02, text="and as well as a dense net of nearly the same work"),
    Claim("unlike", "chance", "accuracy", at_least=0.01, text="a learned choice is better than a random one"),
    Claim("unlike", None, "least", at_least=0.05, text="no kind is given up: each takes at least 5 % of the patches"),
    Claim("unlike", "held", "accuracy", direction="up", text="routers that learn to the end beat ones held from half"),
)
"""The pass lines, set before the runs."""


def measure(trained: Trained) -> dict[str, Any]:
    """Accuracy, and which part of the patches each group of mixers took, over all routing steps."""
    found = trained.evaluate()
    loads = [router["load"] for name, router in found["routers"].items() if name.startswith("mix")]
    shares = {
        kind: sum(load[s] for load in loads for s in slots) / len(loads) for kind, slots in KINDS.items() if loads
    }
    return {
        "accuracy": found["accuracy"],
        "loss": found["loss"],
        "flops": found["active_flops_per_token"],
        "least": min(shares.values()) if shares else None,
        **{kind: shares.get(kind) for kind in KINDS},
    }


SERIES = Series(
    name="unlike_modules",
    spec=Path(__file__).with_name("unlike.dna"),
    arms=(*map(Arm, NETS), Arm("held", net="unlike", settings=(HELD,))),
    measure=measure,
    shown=("accuracy", "loss", "flops", "att", "con", "lin"),
    claims=CLAIMS,
    beside=("dense",),
    controlled=("unlike",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
