"""Radial Networks from stories260K: what routing among pretrained layers keeps at fewer layers a token.

    python examples/experiments/radial_pretrained/run.py [--out DIR] [--seeds 42 137] [--jobs 2] [--only exit4]

Needs `.data/stories260K/` (README). Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import DATA, Arm, Claim, Series, Trained

HERE = Path(__file__).resolve().parent
STORIES = DATA / "stories260K"
NEEDED = tuple(STORIES / name for name in ("stories260K.bin", "tok512.bin", "tinystories.txt.xz"))
WEIGHTS = f'weights="{STORIES / "stories260K.bin"}"'
BATCHES = 16
BESIDE = ("exit4", "straight4", "history4", "shared4", "alone4", "felt4", "chance4", "static4_long", "apiece4_long")
"""Arms without a row in `docs/systems.md`."""
TOLD = ("apiece", "alone", "shared", "felt", "chance")
"""Nets of `told.dna`."""


def arm(name: str, net: str, *settings: str) -> Arm:
    """An arm that starts from the checkpoint."""
    return Arm(name, net=net, settings=(WEIGHTS, *settings), spec=HERE / "told.dna" if net in TOLD else None)


ARMS = (
    arm("static4", "static"),
    arm("static3", "static", "until=4"),
    arm("skip4", "skipping", "target=0.8"),
    arm("skip3", "skipping", "target=0.6"),
    arm("exit4", "radial", "target=0.667", "pull=200"),
    arm("straight4", "straight", "target=0.8"),
    arm("history4", "unified", "target=0.667"),
    arm("apiece4", "apiece", "skip=22.5%"),
    arm("apiece3", "apiece", "skip=43%"),
    arm("shared4", "shared", "skip=22.5%"),
    arm("alone4", "alone", "skip=20%"),
    arm("felt4", "felt", "skip=22.5%"),
    arm("chance4", "chance"),
    arm("static4_long", "static", "updates=270"),
    arm("apiece4_long", "apiece", "skip=22.5%", "updates=270"),
)
"""The number is the mean depth wanted: layers a token. The budget's target is a share of the dearest choice at every
routing step: 4 of 5 layers where a step is its layer or a skip, 4 of 6 where a token runs on until it leaves."""


def measure(trained: Trained) -> dict[str, Any]:
    """Loss, distance from the dense net, depth and work on held-out stories; and the loss with which it started."""
    import torch
    from torch.nn.functional import cross_entropy

    import dnac
    from dnac.train.distill import divergence
    from dnac.train.routing import routing_steps

    held, resolved = trained.opened(), trained.run.resolved
    teacher = dnac.load(HERE / "stories.dna", net="dense", settings=[WEIGHTS]).build().eval()
    spec = HERE / ("told.dna" if resolved["net"] in TOLD else "stories.dna")
    start = dnac.load(spec, net=resolved["net"], settings=resolved["settings"]).build().train()
    steps = routing_steps(held.network.graph)
    sums, targets, counts = torch.zeros(5, dtype=torch.float64), 0, [0] * len(steps)
    with torch.no_grad():
        for batch in islice(held.dataset.sequential(8), BATCHES):
            found = held.network(batch.inputs, record=True, samples=batch.samples)
            wanted, first = teacher(batch.inputs), start(batch.inputs)
            losses = [
                float(cross_entropy(output.logits.flatten(0, 1), batch.targets.flatten(), reduction="sum"))
                for output in (found, wanted, first)
            ]
            ran = layers_of(held.network.graph, found.record, steps, batch.inputs.numel())
            apart = float(divergence(wanted.logits, found.logits, batch.targets))
            sums += torch.tensor([*losses, apart, ran], dtype=torch.float64)
            targets += batch.targets.numel()
            counts = [old + made.counts for old, made in zip(counts, found.stats, strict=True)]
    loss, dense, began, apart, depth = (sums / targets).tolist()
    figures = {"loss": loss, "dense": dense, "cost": loss - dense, "start": began - dense, "kl": apart, "depth": depth}
    return {**figures, "kflops": work(held.network.graph, counts), "ran": shares(counts, steps)}


def layers_of(graph: Any, record: Any, steps: Any, tokens: int) -> float:
    """Layers that ran, summed over tokens."""
    from dnac.ir.graph import Apply
    from dnac.ir.traits import unrolled
    from dnac.train.difficulty import executed

    fixed = tokens * sum(isinstance(node, Apply) for node in unrolled(graph.nodes))
    return float(fixed + (executed(record, steps).sum() if record else 0))


def work(graph: Any, counts: Any) -> float:
    """Thousand FLOPs of a token as they really were: layers, routers, keys made for tokens that skip, the head."""
    from dnac.train.active import ActiveFlops

    return ActiveFlops(graph).per_token(counts) / 1000


def shares(counts: Any, steps: Any) -> list[float]:
    """The share of the tokens that ran a layer, for each routing step."""
    found = []
    for step, made in zip(steps, counts, strict=True):
        skips = int(made[-1]) + sum(int(made[slot]) for slot in step.skips)
        found.append(round(1 - skips / int(made.sum()), 4))
    return found


SERIES = Series(
    name="radial_pretrained",
    spec=HERE / "stories.dna",
    arms=ARMS,
    measure=measure,
    shown=("loss", "cost", "kl", "depth", "kflops", "start"),
    beside=BESIDE,
    needs=NEEDED,
    controlled=("skip4", "apiece4"),
    claims=(
        Claim("skip4", None, "start", within=1e-4, text="it starts as the dense net (each step its layer or a skip)"),
        Claim("exit4", None, "start", within=1e-4, text="it starts as the dense net (layers until the way out)"),
        Claim("history4", None, "start", at_least=0.5, text="with one history for all it starts as another net"),
        Claim("skip4", 4.0, "depth", within=0.15, text="skipping reaches the depth asked for: 4"),
        Claim("skip3", 3.0, "depth", within=0.15, text="skipping reaches the depth asked for: 3"),
        Claim(
            "skip4", "static4", "cost", at_most=0.0, text="at depth 4 learned skips cost no more than a layer left out"
        ),
        Claim("skip3", "static3", "cost", at_most=0.0, text="at depth 3 no more than two layers left out"),
        Claim("straight4", "skip4", "cost", direction="up", text="a weight of one, straight through, chooses worse"),
        Claim("exit4", 4.0, "depth", within=0.15, text="leaving reaches the depth asked for: 4"),
        Claim("apiece4", None, "start", within=1e-4, text="told: it starts as the dense net"),
        Claim("apiece4", "static4", "kflops", at_most=0.0, text="told: no more work than with a layer left out"),
        Claim("apiece4", "static4", "cost", at_most=0.0, text="told: costs no more than a layer left out"),
        Claim("apiece3", "static3", "kflops", at_most=0.0, text="told: no more work than with two layers left out"),
        Claim("apiece3", "static3", "cost", at_most=0.0, text="told: costs no more than two layers left out"),
        Claim("apiece4_long", "static4_long", "cost", at_most=0.0, text="told, after 270 updates: costs no more"),
        Claim("shared4", "static4", "cost", at_most=0.0, text="told, one router for all layers: costs no more"),
        Claim("chance4", "apiece4", "cost", direction="up", text="random tokens at the same loads cost more"),
        Claim("alone4", "apiece4", "cost", direction="up", text="without the keys of those that skip it costs more"),
        Claim("felt4", "static4", "cost", at_most=0.0, text="taught by the task alone, from the net without layer 2"),
    ),
)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    from stories import prepare

    if all(path.exists() for path in NEEDED):
        prepare(STORIES)
    sys.exit(SERIES.main())
