"""Mixture-of-Recursions against a loop with as many FLOPs for all tokens.

python examples/experiments/recursions/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import Arm, Claim, Series, Trained


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte as while generating; as trained (which looks ahead) beside it; measured FLOPs a token."""
    found = trained.evaluate()
    leaky = found["as_trained_loss"]
    load = found["routers"].get("turns", {}).get("load", [])
    return {
        "loss": found["loss"],
        "as_trained": found["loss"] if leaky is None else leaky,
        "mflops": found["active_flops_per_token"] / 1e6,
        "turns": sum(place * part for place, part in enumerate(load, 1)) if load else None,
    }


SERIES = Series(
    name="recursions",
    spec=Path(__file__).parent / "recursions.dna",
    arms=(
        *(Arm(net) for net in ("mor", "decides", "once", "twice", "thrice")),
        Arm("shared_keys", net="mor", settings=("turn.sees=first",)),
    ),
    beside=("shared_keys",),
    measure=measure,
    shown=("loss", "as_trained", "mflops", "turns"),
    controlled=("mor", "decides"),
    claims=(
        Claim(
            "mor",
            "twice",
            "loss",
            at_most=0.0,
            text="at equal FLOPs, recursion where a router says beats recursion for all",
        ),
        Claim("mor", "once", "loss", at_most=0.0, text="it beats the middle block used once"),
        Claim("mor", "thrice", "loss", within=0.02, text="it comes near three uses for all"),
        Claim("thrice", "once", "loss", at_most=0.0, text="using the block again helps at all"),
        Claim("mor", "twice", "as_trained", direction="down", text="the same, by the loss that looks ahead"),
        Claim("mor", "decides", "loss", direction="down", text="blocks that choose tokens beat tokens that choose"),
        Claim("decides", "twice", "loss", direction="down", text="tokens that choose once beat the fixed loop"),
        Claim("shared_keys", "mor", "loss", within=0.02, text="keys of the first turn for all turns cost little"),
        Claim("shared_keys", "twice", "loss", direction="down", text="with them it beats the fixed loop"),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
