"""What is compared: nets and depths, the two kinds of data, and what is fixed before any reported run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "experiments"))
from series import Arm

HERE = Path(__file__).resolve().parent
NETS, DIAGNOSE, ATTEMPTS, SEEING = (HERE / f"{name}.dna" for name in ("nets", "diagnose", "attempts", "seeing"))
DEPTHS = (3, 4, 6, 8, 9)
PEAKS = ("1e-3", "2e-3", "4e-3", "8e-3")
"""Every arm has these, tried once each on the split that is not reported."""
LOWER = ("2.5e-4", "5e-4")
"""Of the stream besides: nine of fourteen nets liked the lowest of `PEAKS` best there, before any report."""
TUNING_SEED = 1
VARIANCE_SEEDS = (2, 3, 4)
SEEDS = (42, 137, 256, 512, 1024)
POWER = 0.8

FRONTIER = tuple(Arm(f"dense{depth}", "dense", (f"depth={depth}",), NETS) for depth in DEPTHS)
SYSTEMS = tuple(
    Arm(name, spec=NETS)
    for name in ("stochastic", "early_exit", "switch", "mod", "top1", "top2", "skip", "skip_global")
)
SKIPS = tuple(
    Arm(name, spec=DIAGNOSE)
    for name in (
        "skip1", "anywhere", "scaled", "straight", "sigmoids", "code", "few", "slow", "fast", "state", "wide", "blind",
        "late", "unlearned", "hashed", "layers", "layers_anywhere", "layers_straight", "layers_late", "layers_charged",
    )
)  # fmt: skip
STOPPED = Arm("stopped", settings=("train.router_lr=schedule(1, step(0, 50%))",), spec=DIAGNOSE)
"""Learned, then frozen: weights of the routers by the rate, their biases by the net."""
TRIED = tuple(
    Arm(name, spec=ATTEMPTS) for name in ("mlps", "mlps_anywhere", "experts", "experts_skip", "shared", "shared_skip")
)
LOOKING = tuple(Arm(name, spec=SEEING) for name in ("top1_sees_all", "top1_sees_before", "skip_sees_all"))
GROUPS = {
    "frontier": FRONTIER, "systems": SYSTEMS, "skips": (*SKIPS, STOPPED), "attempts": TRIED, "seeing": LOOKING,
}  # fmt: skip
ARMS = {arm.name: arm for group in GROUPS.values() for arm in group}
MEASURED = ("dense8", "dense6", "top1", "skip1")
"""Arms whose seeds tell the variance: the spread of their paired differences from the first."""


@dataclass(frozen=True)
class Material:
    """One kind of data: settings of every run, and how the two held-out splits are asked for at an evaluation."""

    settings: tuple[str, ...]
    tune: tuple[tuple[str, ...], str]
    """Settings and split of `dnac eval`."""
    test: tuple[tuple[str, ...], str]
    peaks: tuple[str, ...] = PEAKS


_TEST = 'train.valid=tokens("../../.data/comparison/test.bin")'
MATERIALS = {
    "text": Material((), ((), "valid"), ((_TEST,), "valid")),
    # held-out chains of the training split's stream, which no training seed draws, tell the learning rate
    "stream": Material(
        (
            "vocabulary=13",
            "n=1000",
            "train.data=lookups(train, values=8, tables=4, samples=1024)",
            "train.valid=lookups(valid, values=8, tables=4, samples=2048)",
        ),
        ((), "train"),
        ((), "valid"),
        (*LOWER, *PEAKS),
    ),
}
