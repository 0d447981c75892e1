"""SmolLM2-135M on a GPU: skips told by residual ratios against layers left out by ratio, at equal work.

    python examples/experiments/radial_pretrained/smollm2.py --device cuda [--out DIR] [--seeds 42] [--only told26]

Needs `.data/smollm2/` (README). About five minutes on one large GPU for all arms of a seed, in one process; a run
that has its result file is not repeated. Options and result files are those of all experiments (`../series.py`).
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from series import DATA, Arm, Claim, Series, Task

if TYPE_CHECKING:
    from torch import Tensor

HERE = Path(__file__).resolve().parent
SMOLLM = DATA / "smollm2"
GGUF = SMOLLM / "SmolLM2-135M-Instruct.Q4_1.gguf"
WHOLE = SMOLLM / "dense"
"""The same weights in float32, which are read faster."""
SPEC = HERE / "smollm2.dna"
WEIGHTS = f'weights="{WHOLE}"'
OTHER = SMOLLM / "wiki.bin"
"""WikiText-2 test: text of another kind than the training data."""
WINDOWS, CONTEXT = 160, 512
"""How many windows of each text are looked at: at most, and no more than there were updates."""

ARMS = (
    Arm("static26", net="without_4", settings=(WEIGHTS,)),
    Arm("told26", net="apiece", settings=(WEIGHTS, "skip=14.7%")),
    Arm("static22", net="without_8", settings=(WEIGHTS,)),
    Arm("told22", net="apiece", settings=(WEIGHTS, "skip=28.9%")),
    Arm("chance26", net="chance", settings=(WEIGHTS,)),
    Arm("dense30", net="dense", settings=(WEIGHTS,)),
)
"""The number is the mean depth whose work is allowed; shares leave room for keys of tokens that skip, and routers."""


def prepare() -> None:
    """Write the weights as a folder of float32 tensors, once."""
    if (WHOLE / "config.json").is_file():
        return
    import dnac
    from dnac.importing.export import export

    export(dnac.load(SPEC, net="dense", settings=[f'weights="{GGUF}"']).build(), WHOLE)


@cache
def dense(device: str) -> Any:
    """The model as it is."""
    import dnac

    return dnac.load(SPEC, net="dense", settings=[WEIGHTS]).build(device=device).eval()


def work(task: Task) -> dict[str, Any]:
    """Train, then measure on held-out text and on text of another kind. The run's checkpoint does not stay."""
    import numpy as np
    import torch

    import dnac

    device = task.fixed[task.fixed.index("--device") + 1]
    trained = task.train()
    held, resolved = trained.opened(device=device), trained.run.resolved
    nets = {"trained": held.network, "dense": dense(device)}
    if resolved["net"] == "apiece":
        nets["start"] = dnac.load(SPEC, net="apiece", settings=resolved["settings"]).build(device=device).train()
    few = min(WINDOWS, task.facts["steps"])
    texts = {}
    for name in ("valid", "wiki"):
        ids = torch.from_numpy(np.fromfile(SMOLLM / f"{name}.bin", dtype=np.uint16).astype(np.int64))
        texts[name] = ids[: few * CONTEXT + 1].to(device)
    found, counts = compared(nets, texts["valid"], held.batch_size)
    wiki, _ = compared(nets, texts["wiki"], held.batch_size)
    shutil.rmtree(task.folder / "checkpoints", ignore_errors=True)
    figures = {**found, "wiki": wiki["loss"], "wiki_cost": wiki["cost"]}
    return {**figures, **load(held.network.graph, counts, few * CONTEXT)}


def compared(nets: dict[str, Any], ids: Tensor, size: int) -> tuple[dict[str, float | None], list[Tensor]]:
    """Losses of the nets in nats a token, the distance of the trained one from the dense one; and its choices."""
    import torch
    from torch.nn.functional import cross_entropy

    from dnac.train.distill import divergence

    inputs, targets = ids[:-1].view(-1, CONTEXT), ids[1:].view(-1, CONTEXT)
    sums = {"kl": 0.0, **dict.fromkeys(nets, 0.0)}
    counts: list[Tensor] = []
    for at in range(0, len(inputs), size):
        x, y = inputs[at : at + size], targets[at : at + size]
        samples = torch.arange(at, at + len(x), device=x.device)
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16):
            outputs = {name: net(x, samples=samples) for name, net in nets.items()}
            for name, output in outputs.items():
                sums[name] += float(cross_entropy(output.logits.float().flatten(0, 1), y.flatten(), reduction="sum"))
            sums["kl"] += float(divergence(outputs["dense"].logits, outputs["trained"].logits, y))
        made = [stats.counts.cpu() for stats in outputs["trained"].stats]
        counts = [old + new for old, new in zip(counts or [0] * len(made), made, strict=True)]
    each = {name: total / targets.numel() for name, total in sums.items()}
    found = {"loss": each["trained"], "dense": each["dense"], "cost": each["trained"] - each["dense"]}
    began = each["start"] - each["dense"] if "start" in each else None
    return {**found, "kl": each["kl"], "start": began}, counts


def load(graph: Any, counts: list[Tensor], tokens: int) -> dict[str, Any]:
    """Mean depth, million FLOPs of a token as they really were, and the share of tokens that ran each layer."""
    from dnac.ir.graph import Apply
    from dnac.ir.traits import unrolled
    from dnac.train.active import ActiveFlops
    from dnac.train.routing import routing_steps

    fixed = sum(isinstance(node, Apply) for node in unrolled(graph.nodes))
    ran = []
    for step, made in zip(routing_steps(graph), counts, strict=True):
        skipped = int(made[-1]) + sum(int(made[slot]) for slot in step.skips)
        ran.append(round(1 - skipped / tokens, 4))
    return {"depth": fixed + sum(ran), "mflops": ActiveFlops(graph).per_token(counts) / 1e6, "ran": ran}


SERIES = Series(
    name="radial_smollm2",
    spec=SPEC,
    arms=ARMS,
    work=work,
    shown=("loss", "cost", "kl", "depth", "mflops", "wiki", "wiki_cost", "start"),
    claims=(
        Claim("told26", None, "start", within=1e-3, text="it starts as the dense net (bfloat16)"),
        Claim("told26", "static26", "mflops", at_most=0.0, text="told: no more work than with four layers left out"),
        Claim("told26", "static26", "cost", at_most=0.0, text="told: costs no more than four layers left out"),
        Claim("told22", "static22", "mflops", at_most=0.0, text="told: no more work than with eight layers left out"),
        Claim("told22", "static22", "cost", at_most=0.0, text="told: costs no more than eight layers left out"),
        Claim("told22", "static22", "wiki_cost", at_most=0.0, text="told: nor on text of another kind"),
        Claim("chance26", "told26", "cost", direction="up", text="random tokens cost more"),
    ),
)


def main() -> int:
    """The command line of all experiments, and where to compute."""
    parser = SERIES.parser()
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    prepare()
    fixed = ("--plain", "--no-compile", "--device", args.device, "--lowering", "portable")
    return replace(SERIES, fixed=fixed).run(args)


if __name__ == "__main__":
    sys.exit(main())
