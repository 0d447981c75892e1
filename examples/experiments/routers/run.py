"""To whom does a router belong: one per step, one for all steps, or one per module (the DNA paper's open question).

    python examples/experiments/routers/run.py [--out DIR] [--seeds 42 137] [--only node] [--jobs 2]

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import HELD, Arm, Claim, Series, Trained

NETS = ("per_step", "shared", "shared_step", "shared_path", "node", "blind", "chance")

CLAIMS = (
    Claim("shared", "per_step", "loss", within=0.02, text="one router for all steps does as well as one per step"),
    Claim("shared_step", "shared", "loss", direction="down", text="it does better where it knows its step"),
    Claim("shared_path", "shared", "loss", direction="down", text="and where it knows the module just left"),
    Claim("node", "per_step", "loss", within=0.02, text="a router per module does as well as one per step"),
    Claim("node", "shared", "loss", direction="down", text="a router per module does better than one for all"),
    Claim("per_step", "chance", "loss", at_most=-0.02, text="a learned choice is better than a random one"),
    Claim("per_step", "blind", "loss", at_most=-0.02, text="looking at the token is better than one path for all"),
    Claim("per_step", "held", "loss", direction="down", text="routers that learn to the end beat ones held from half"),
)
"""The pass lines, set before the runs. Those without one are questions, and shown for their direction."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte; how many paths tokens take, and the part of the tokens on the most frequent one."""
    from dnac.report.record import collect

    opened = trained.opened()
    paths = collect(opened.network, opened.dataset, batches=30).paths()
    return {
        "loss": opened.measure()["loss"],
        "paths": len(paths),
        "top_path": max(paths.values()) / sum(paths.values()),
        "returns": sum(n for path, n in paths.items() if len(set(path)) < len(path)) / sum(paths.values()),
    }


SERIES = Series(
    name="routers",
    spec=Path(__file__).with_name("routers.dna"),
    arms=(*map(Arm, NETS), Arm("held", net="per_step", settings=(HELD,))),
    measure=measure,
    shown=("loss", "paths", "top_path", "returns"),
    claims=CLAIMS,
    beside=("shared_step", "blind", "chance"),
    controlled=("per_step", "shared", "node"),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
