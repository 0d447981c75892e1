"""Mixture-of-Depths as it generates, against dense nets of equal FLOPs and against a random choice of as many tokens.

python examples/experiments/mixture_of_depths/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import claims as judging
from frontier import beside
from series import HELD, Arm, Claim, Series, Trained

DEPTHS = (3, 4, 6)
DENSE = tuple(f"dense{depth}" for depth in DEPTHS)
ARMS = (
    Arm("mod"),
    Arm("drawn"),
    Arm("held", "mod", (HELD,)),
    *(Arm(f"dense{d}", "dense", (f"depth={d}",)) for d in DEPTHS),
)
SHOWN = ("loss", "as_trained", "leak", "mflops", "excess")
CLAIMS = (
    Claim("mod", None, "excess", at_most=0.0, text="at equal FLOPs it is no worse than dense"),
    Claim("mod", "dense6", "loss", at_most=0.0, text="it is no worse than the dense net of as many layers"),
    Claim("mod", "drawn", "loss", at_most=-0.02, text="a learned choice of tokens is better than a random one"),
    Claim("mod", None, "leak", within=0.02, text="foreseeing the choice costs little"),
    Claim("drawn", None, "excess", direction="up", text="a random choice is worse than dense at equal FLOPs"),
    Claim("mod", "held", "loss", direction="down", text="routers that learn to the end beat ones held from half"),
)
"""The pass lines, set before the runs."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte as while generating; as trained (which looks ahead) beside it; measured FLOPs a token."""
    found = trained.evaluate()
    leaky = found["as_trained_loss"]
    as_trained = found["loss"] if leaky is None else leaky
    return {
        "loss": found["loss"],
        "as_trained": as_trained,
        "leak": found["loss"] - as_trained,
        "mflops": found["active_flops_per_token"] / 1e6,
        "skip": found["skip_share"],
    }


def table(results: list[dict[str, Any]]) -> str:
    """As for all experiments, with the distance from the dense nets of equal FLOPs."""
    return judging.table(beside(results, DENSE, "mflops"), [arm.name for arm in ARMS], SHOWN, CLAIMS)


SERIES = Series(
    name="mixture_of_depths",
    spec=Path(__file__).parent / "depths.dna",
    arms=ARMS,
    measure=measure,
    claims=CLAIMS,
    table=table,
    controlled=("mod",),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
