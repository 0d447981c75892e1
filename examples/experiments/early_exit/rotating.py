"""Early exit: the head behind every block at each train step, or behind two of six in turn (LayerSkip's rotation).

python examples/experiments/early_exit/rotating.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import measure
from series import Arm, Claim, Series

SERIES = Series(
    name="early_exit_rotating",
    spec=Path(__file__).parent / "exits.dna",
    arms=(Arm("taps"), Arm("rotating", spec=Path(__file__).parent / "rotating.dna"), Arm("plain")),
    measure=measure,
    shown=("loss", "half_by_confidence", "half_for_all"),
    claims=(
        Claim(
            "rotating",
            "taps",
            "half_for_all",
            within=0.05,
            text="two heads a step do as well as six, at half the layers",
        ),
        Claim("rotating", "taps", "loss", within=0.05, text="and with all layers"),
        Claim("rotating", "plain", "half_for_all", direction="down", text="at half the layers: less without taps"),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
