"""Turns chosen once on n-bit parity: does a token take more turns where more bits are asked for?

python examples/experiments/turns_parity/run.py [--out DIR] [--seeds 42 137] [--jobs 2]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import Arm, Claim, Series, Trained


def measure(trained: Trained) -> dict[str, Any]:
    """Accuracy, FLOPs a token, mean turns, turns at each place, and their correlation with the number of bits."""
    found = trained.evaluate()
    figures = {
        "loss": found["loss"],
        "accuracy": found["accuracy"],
        "accuracy_by_bits": found["accuracy_by_place"],
        "kflops": found["active_flops_per_token"] / 1e3,
    }
    return figures | _turns(trained)


def _turns(trained: Trained) -> dict[str, Any]:
    """Turns of each token of the held-out sequences; nothing of a net whose tokens do not choose."""
    import torch

    opened = trained.opened()
    network = opened.network.eval()
    taken: list[Any] = []
    for batch in opened.dataset.sequential(512):
        with torch.no_grad():
            record = network(batch.inputs, record=True).record
        if not record:
            return {"turns": None, "turns_by_bits": None, "correlation": None}
        taken.append(record[0].ids[..., 0] + 1)
    turns = torch.cat(taken).double()
    bits = torch.arange(1, turns.shape[1] + 1, dtype=torch.float64).expand_as(turns)
    correlation = torch.corrcoef(torch.stack([turns.flatten(), bits.flatten()]))[0, 1]
    return {
        "turns": turns.mean().item(),
        "turns_by_bits": turns.mean(0).tolist(),
        "correlation": 0.0 if correlation.isnan() else correlation.item(),
    }


SERIES = Series(
    name="turns_parity",
    spec=Path(__file__).parent / "turns.dna",
    arms=(Arm("full"), Arm("five"), Arm("decides"), Arm("drawn")),
    measure=measure,
    shown=("accuracy", "loss", "kflops", "turns", "correlation"),
    beside=("full", "five", "drawn"),
    controlled=("decides",),
    claims=(
        Claim("decides", None, "correlation", at_least=0.8, text="turns rise with the number of bits"),
        Claim("decides", "full", "accuracy", at_least=-0.02, text="as right as all turns for all"),
        Claim("decides", "five", "kflops", at_most=0.0, text="at fewer FLOPs than five turns for all"),
        Claim("decides", "five", "accuracy", at_least=0.0, text="and as often right as these"),
        Claim("decides", "drawn", "accuracy", at_least=0.1, text="more often right than with turns drawn at random"),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
