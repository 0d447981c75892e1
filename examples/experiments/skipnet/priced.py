"""A budget in the reward (SkipNet's price on what ran) beside the same budget as a loss, and beside no price at all.

python examples/experiments/skipnet/priced.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import TRAINED, measure
from series import SPECS, Arm, Claim, Series

TARGET = (*TRAINED, "compute.target=30%")
PRICED = (*TARGET, "compute.per=sequence")

SERIES = Series(
    name="skipnet_priced",
    spec=SPECS / "skipnet.dna",
    arms=(
        Arm("priced", "skipnet", (*PRICED, "compute.by=reward(2)")),
        Arm("unpriced", "skipnet", (*PRICED, "compute.by=reward(0)")),
        Arm("by_loss", "skipnet", TARGET),
    ),
    measure=measure,
    shown=("accuracy", "loss", "executed", "depth_std", "kflops"),
    claims=(
        Claim("priced", 0.3, "executed", within=0.08, text="executed share at 30 %, by a price in the reward"),
        Claim("priced", "unpriced", "executed", at_most=-0.1, text="executed share: with the price, less without"),
        Claim("priced", "by_loss", "accuracy", direction="up", text="accuracy: by reward, less by loss"),
        Claim("priced", "unpriced", "accuracy", direction="down", text="accuracy: with the price, less without"),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
