"""Why a learned skip loses to dense nets of as much work: nets that each change one thing, on a stream of known depth.

    python examples/experiments/dna_variants/why.py [--out DIR] [--seeds 42 137] [--jobs 2]

No part of `make experiments` (about 70 core minutes); protocol and reading in the README.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import claims as judging
from frontier import beside
from series import Arm, Claim, Series, Trained

DEPTHS = (2, 3, 4, 5)
DENSE = tuple(f"dense{depth}" for depth in DEPTHS)
CHANGED = {
    "scaled": "first gates of 1 in place of 1/8",
    "anywhere": "one target for all steps",
    "slow": "a bias that follows ten times more slowly",
    "fast": "a bias that follows ten times faster",
    "state": "a router that also reads its step and the module just left",
    "wide": "a router with a layer of its own",
    "blind": "a router that reads nothing",
    "late": "no skips at first",
}
"""What each net changes in `skipping`."""
LATER = {
    "unskipped": (("share=0%",), "no skips at all"),
    "sees_all": (("hop.sees=everyone",), "attention among all tokens, not those of a block alone"),
    "unskipped_sees_all": (("share=0%", "hop.sees=everyone"), "both"),
}
"""Added when the first series had been seen: none of the changes above had helped."""
ARMS = (
    Arm("skipping"),
    *map(Arm, CHANGED),
    *(Arm(name, "skipping", settings) for name, (settings, _) in LATER.items()),
    *(Arm(f"dense{d}", "dense", (f"depth={d}",)) for d in DEPTHS),
)
SHOWN = ("loss", "mflops", "skip", "excess")
CLAIMS = (
    Claim("skipping", None, "excess", at_most=0.0, text="a learned skip is no worse than dense at equal FLOPs"),
    *(Claim(name, "skipping", "loss", direction="down", text=f"better: {what}") for name, what in CHANGED.items()),
    *(Claim(name, "skipping", "loss", direction="down", text=f"better: {what}") for name, (_, what) in LATER.items()),
    *(Claim(n, None, "excess", at_most=0.0, text=f"and no worse than dense: {n}") for n in (*CHANGED, *LATER)),
)
"""Set before the runs; of `LATER` after the first series."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats over answers and copies; FLOPs a token and the share of choices skipped, of all tokens."""
    found = trained.evaluate()
    return {
        "loss": found["loss"],
        "mflops": found["active_flops_per_token"] / 1e6,
        "skip": found["skip_share"],
    }


def table(results: list[dict[str, Any]]) -> str:
    """As for all experiments, with the distance from the dense nets of equal FLOPs."""
    return judging.table(beside(results, DENSE, "mflops"), [arm.name for arm in ARMS], SHOWN, CLAIMS)


SERIES = Series(
    name="why_skips",
    spec=Path(__file__).parent / "why.dna",
    arms=ARMS,
    measure=measure,
    claims=CLAIMS,
    table=table,
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
