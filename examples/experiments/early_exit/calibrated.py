"""Early exit: the head's own confidence against CALM's taught classifier, and what a calibrated threshold keeps.

    python examples/experiments/early_exit/calibrated.py [--out DIR] [--seeds 42 137] [--jobs 2]

One trained net, asked in two ways. A threshold is calibrated on every other batch of the held-out data, as `dnac
calibrate` does it, and judged on the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import HALF, between, point
from series import Arm, Claim, Series, Trained

RISK, SURE = 0.05, 0.95
"""Wanted: at most this share of outputs other than the whole net's, with this confidence."""
THRESHOLDS = (0.05, 0.15, 0.3, 0.6, 0.8, 0.9, 0.95, 0.97, 0.99)
BATCH = 16


@dataclass(frozen=True)
class Half:
    """Every other batch of a dataset, from `first` (0 or 1)."""

    whole: Any
    first: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def sequential(self, batch_size: int) -> Iterator[Any]:
        """As the dataset's own."""
        yield from (batch for n, batch in enumerate(self.whole.sequential(batch_size)) if n % 2 == self.first)


def measure(trained: Trained) -> dict[str, Any]:
    """Loss in nats a byte with all layers and at half of them; and of the calibrated threshold, its risk elsewhere."""
    curve = [point(trained), *(point(trained, f"over={threshold}") for threshold in THRESHOLDS)]
    return {"loss": curve[0][1], "half": between(curve, HALF), "curve": curve, **calibrated(trained)}


def calibrated(trained: Trained) -> dict[str, Any]:
    """The threshold that one half of the data gives, and what it does on the other half."""
    import math

    import torch

    from dnac.train.calibrate import at_threshold, calibrate

    held = trained.opened(batch_size=BATCH)
    found = calibrate(replace(held, dataset=Half(held.dataset, 0)), RISK, SURE)
    other = replace(held, dataset=Half(held.dataset, 1))
    threshold = math.inf if found["threshold"] is None else found["threshold"]
    whole, early = best(at_threshold(other, math.inf)), best(at_threshold(other, threshold))
    layers, loss = point(trained, f"over={threshold if threshold < math.inf else 2.0}")
    return {
        "threshold": found["threshold"],
        "risk": float((torch.cat(whole) != torch.cat(early)).double().mean()),
        "layers": layers,
        "calibrated_loss": loss,
        "mflops": at_threshold(other, threshold).measure()["active_flops_per_token"] / 1e6,
        "whole_mflops": found["whole"]["active_flops_per_token"] / 1e6,
    }


def best(held: Any) -> list[Any]:
    """The best output at each place, batch by batch, flat."""
    import torch

    with torch.no_grad():
        return [held.network(batch.inputs).logits.argmax(-1).flatten() for batch in held.dataset.sequential(BATCH)]


SERIES = Series(
    name="early_exit_calibrated",
    spec=Path(__file__).parent / "exits.dna",
    arms=(Arm("asked", net="taps"), Arm("taught", spec=Path(__file__).parent / "taught.dna")),
    measure=measure,
    shown=("loss", "half", "threshold", "risk", "layers", "calibrated_loss", "mflops", "whole_mflops"),
    claims=(
        Claim("taught", "asked", "half", within=0.02, text="at half the layers a taught classifier does as well"),
        Claim("asked", None, "risk", at_most=RISK, text="a threshold on confidence keeps the wanted risk elsewhere"),
        Claim("taught", None, "risk", at_most=RISK, text="so does one on the classifier"),
        Claim("taught", "asked", "layers", direction="down", text="layers at that risk: taught, less asked"),
        Claim("taught", "asked", "mflops", direction="down", text="FLOPs at that risk: taught, less asked"),
    ),
)

if __name__ == "__main__":
    sys.exit(SERIES.main())
