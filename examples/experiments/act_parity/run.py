"""Adaptive depth on n-bit parity (S11): does a token take more steps where more bits are asked for?

python examples/experiments/act_parity/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import Arm, Claim, Series, Trained

BITS = 8


def measure(trained: Trained) -> dict[str, Any]:
    """Accuracy, mean steps, steps at each place, and their correlation with the number of bits."""
    import torch

    opened = trained.opened()
    network = opened.network.eval()
    taken: list[Any] = []
    for batch in opened.dataset.sequential(512):
        with torch.no_grad():
            record = network(batch.inputs, record=True).record
        here = torch.full(batch.inputs.shape, BITS)
        for step in range(len(record) - 1, -1, -1):  # who leaves at a step took no further one
            here = torch.where(record[step].ids[..., 0] >= 0, step + 1, here)
        taken.append(here)
    steps = torch.cat(taken).double()
    bits = torch.arange(1, BITS + 1, dtype=torch.float64).expand_as(steps)
    correlation = torch.corrcoef(torch.stack([steps.flatten(), bits.flatten()]))[0, 1]
    found = opened.measure()
    return {
        "loss": found["loss"],
        "accuracy": found["accuracy"],
        "accuracy_by_bits": found["accuracy_by_place"],
        "steps": steps.mean().item(),
        "steps_by_bits": steps.mean(0).tolist(),
        "correlation": 0.0 if correlation.isnan() else correlation.item(),
    }


SERIES = Series(
    name="act_parity",
    spec=Path(__file__).parent / "parity.dna",
    arms=(Arm("full"), Arm("act"), Arm("pondernet")),
    measure=measure,
    shown=("accuracy", "loss", "steps", "correlation"),
    controlled=("act", "pondernet"),
    claims=(
        Claim("act", None, "correlation", at_least=0.8, text="ACT: steps rise with the number of bits"),
        Claim("act", BITS, "steps", at_most=-1.0, text="ACT: mean steps below the fixed depth"),
        Claim("act", "full", "accuracy", at_least=-0.02, text="ACT: as right as the fixed depth"),
        Claim("pondernet", None, "correlation", at_least=0.8, text="PonderNet: steps rise with the number of bits"),
        Claim("pondernet", BITS, "steps", at_most=-1.0, text="PonderNet: mean steps below the fixed depth"),
        Claim("pondernet", "full", "accuracy", at_least=-0.02, text="PonderNet: as right as the fixed depth"),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
