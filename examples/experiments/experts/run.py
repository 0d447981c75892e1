"""Experts on a language model of bytes at equal active FLOPs: Switch, its controls, and dense (S10).

    python examples/experiments/experts/run.py [--out DIR] [--seeds 42 137] [--only switch] [--jobs 2]

Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import math
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import HELD, Arm, Claim, Series, Trained

OTHERS = Path(__file__).with_name("others.dna")
NETS = ("dense", "switch", "unbalanced", "hashed", "untrained", "chance", "deepseek", "expert_choice")

CLAIMS = (
    Claim("switch", "dense", "loss", at_most=-0.02, text="Switch has a lower loss than dense at equal active FLOPs"),
    Claim("switch", None, "entropy", at_least=0.9, text="its load has at least 0.9 of the entropy of an even one"),
    Claim("unbalanced", "switch", "entropy", at_most=-0.05, text="without the balance loss the load is less even"),
    Claim("hashed", "dense", "loss", at_most=-0.02, text="so has a hash of the byte"),
    Claim("untrained", "switch", "loss", within=0.02, text="a router that never trained does as well as a learned one"),
    Claim("deepseek", "dense", "loss", at_most=-0.02, text="so has DeepSeek-V3's routing among small experts"),
    Claim("deepseek", None, "entropy", at_least=0.9, text="its biases keep the load even"),
    Claim("chance", "dense", "loss", at_least=-0.02, text="a random expert gains nothing"),
    Claim("hashed", "switch", "loss", direction="up", text="a learned choice is better than a hash"),
    Claim("expert_choice", "switch", "loss", direction="down", text="experts that choose their tokens do better"),
    Claim("switch", "held", "loss", direction="down", text="routers that learn to the end beat ones held from half"),
    Claim("balanced", None, "entropy", at_least=0.9, text="a hash balanced by counts keeps the load even"),
    Claim("balanced", "dense", "loss", at_most=-0.02, text="and has a lower loss than dense"),
    Claim("balanced", "hashed", "loss", direction="down", text="than a plain hash"),
)
"""The pass lines, set before the runs. Those without one are questions, and are shown for their direction."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte, and the entropy of the loads, as a share of that of an even one."""
    found = trained.evaluate()
    loads = [router["load"] for router in found["routers"].values()]
    return {
        "loss": found["loss"],
        "entropy": statistics.fmean(map(evenness, loads)) if loads else None,
        "flops": found["active_flops_per_token"],
        "loads": loads,
    }


def evenness(load: list[float]) -> float:
    """Entropy over log of the number of experts: 1 where all take alike, 0 where one takes all."""
    total = sum(load)
    return -sum(part / total * math.log(part / total) for part in load if part > 0) / math.log(len(load))


SERIES = Series(
    name="experts",
    spec=Path(__file__).with_name("experts.dna"),
    arms=(
        *(Arm(net, spec=OTHERS if net in ("deepseek", "expert_choice") else None) for net in NETS),
        Arm("held", net="switch", settings=(HELD,)),
        Arm("balanced", net="hashed", settings=("moe.score=balanced_hash",)),
    ),
    measure=measure,
    shown=("loss", "entropy", "flops"),
    claims=CLAIMS,
    beside=("unbalanced", "balanced"),
    controlled=("switch", "deepseek"),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
