"""Variants of DNA: attention and mlp as modules of their own, and skips from which no token comes back.

python examples/experiments/dna_variants/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import Arm, Claim, Series, Trained

NETS = ("whole", "whole_delta", "split", "turns", "skipping", "sticky")
SHARE = 0.3

CLAIMS = (
    Claim("split", "whole", "loss", direction="down", text="modules of their own are better than whole blocks"),
    Claim("split", "whole_delta", "loss", direction="down", text="so they are where a gate weighs a whole block too"),
    Claim(
        "turns", "split", "loss", direction="down", text="a fixed order of attention and mlp is better than a free one"
    ),
    Claim("skipping", SHARE, "saved", within=0.05, text="skips step by step reach their share"),
    Claim("sticky", SHARE, "saved", within=0.05, text="sticky skips reach it"),
    Claim("sticky", "skipping", "loss", direction="down", text="sticky skips are better than skips step by step"),
)
"""Set before the runs. No paper says which of two is better: those rows are shown for their direction."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte; FLOPs a token; the part of all slots that ran no module; of the others, attention alone."""
    opened = trained.opened()
    found = opened.measure()
    ran, attention = shares(opened)
    flops = found["active_flops_per_token"] / 1e6
    return {"loss": found["loss"], "mflops": flops, "saved": 1 - ran, "attention": attention}


def shares(opened: Any) -> tuple[float, float]:
    """Of all slots of all tokens: those that ran a module, and of these the part that was an attention alone."""
    import torch

    from dnac.train.routing import routing_steps

    network = opened.network.eval()
    steps = routing_steps(network.graph)
    slots = ran = looked = 0
    for batch in opened.dataset.sequential(64):
        with torch.no_grad():
            record = network(batch.inputs, record=True).record
        for step, made in zip(steps, record, strict=True):
            slots += made.ids.numel()
            counts = torch.bincount(made.ids[made.ids >= 0], minlength=len(step.candidates))  # below 0: it has left
            ran += int(counts.sum() - counts[list(step.skips)].sum())
            looked += int(counts[list(step.slots("att"))].sum())
    return ran / slots, looked / max(ran, 1)


SERIES = Series(
    name="dna_variants",
    spec=Path(__file__).parent / "variants.dna",
    arms=tuple(map(Arm, NETS)),
    measure=measure,
    shown=("loss", "mflops", "saved", "attention"),
    claims=CLAIMS,
    controlled=("split", "skipping", "sticky"),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
