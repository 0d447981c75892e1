"""How early tokens may leave: the lowest threshold whose risk is below a wanted one, with a wanted confidence.

Learn then Test (Angelopoulos et al., arXiv 2110.01052) as CALM uses it (Schuster et al., arXiv 2207.07061, section 4):
thresholds are tested in order, the cautious ones first, each at the level 1 - confidence, until one fails. The chance
that the risk of the last one that passed is above the wanted one is then at most that level, over the draw of the
held-out samples. The p-value is Hoeffding's for means of numbers in [0, 1]: exp(-n kl(observed, wanted)).

B sequences, T tokens, V outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dnac.data.base import IGNORED, Batch
from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.train.assess import Opened
from dnac.train.routing import routing_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

THRESHOLDS = tuple(n / 50 for n in range(50, -1, -1))
"""Tested in this order, as long as they pass."""
FIGURES = ("loss", "accuracy", "active_flops_per_token")


def halts(graph: Graph) -> tuple[str, ...]:
    """Routers of halting steps that let tokens leave above a threshold at evaluation."""
    steps = [step for step in routing_steps(graph) if len(step.exits) == len(step.candidates)]
    named = dict.fromkeys(step.router for step in steps)
    return tuple(n for n in named if _choose(graph, n).name == "threshold" and _when(graph, n) != "train")


def calibrate(held: Opened, risk: float, confidence: float, of: str = "agreement") -> dict[str, Any]:
    """`tests[]`: threshold, observed risk of `samples` sequences, and p-value, in the order in which they were tested;
    `threshold`: the last that passed, or None; `whole` and `calibrated`: loss, accuracy and FLOPs without leaving and
    at that threshold.

    of: `agreement`, the share of a sequence's targets where the best output is not the whole net's; `accuracy`, the
    share where it is wrong and the whole net's is right.
    """
    whole = at_threshold(held, math.inf)
    best = list(_best(whole))
    found, passed, samples = list[dict[str, float]](), None, 0
    for threshold in THRESHOLDS:
        early = _best(at_threshold(held, threshold))
        risks = torch.cat([_risks(a, b, batch, of) for (a, _), (b, batch) in zip(early, best, strict=True)])
        observed = float(risks.mean())
        p = p_value(observed, risk, len(risks))
        samples = len(risks)
        found.append({"threshold": threshold, "risk": observed, "p": p})
        if p > 1 - confidence:
            break
        passed = threshold
    figures = None if passed is None else _figures(at_threshold(held, passed))
    said = {"wanted_risk": risk, "confidence": confidence, "of": of, "samples": samples, "threshold": passed}
    return {**said, "tests": found, "whole": _figures(whole), "calibrated": figures}


def p_value(observed: float, wanted: float, samples: int) -> float:
    """How likely so low a mean of `samples` numbers in [0, 1] is at most, if the true mean is above `wanted`."""
    if observed >= wanted:
        return 1.0
    part = observed * math.log(observed / wanted) if observed > 0 else 0.0
    return math.exp(-samples * (part + (1 - observed) * math.log((1 - observed) / (1 - wanted))))


def at_threshold(held: Opened, over: float) -> Opened:
    """The same trained network, whose tokens leave above another threshold; infinity: none leaves."""
    network = held.network
    graph, weight = network.graph, next(network.parameters())
    chooses = {name: _choose(graph, name).replace(over=over) for name in halts(graph)}
    made = Network(_with(graph, chooses), network.lowering, weight.device, weight.dtype)
    made.load_state_dict(network.state_dict())
    return replace(held, network=made.eval())


def _best(held: Opened) -> Iterator[tuple[Tensor, Batch]]:
    """The best outputs [B, T], or [B] of images, batch by batch; on the CPU."""
    network = held.network
    weight = next(network.parameters())
    given = {"decode": True} if network.decodes else {}
    for batch in islice(held.dataset.sequential(held.batch_size), held.batches):
        inputs = batch.inputs.to(weight.device, weight.dtype if batch.inputs.is_floating_point() else None)
        with torch.no_grad(), torch.autocast(weight.device.type, held.autocast, enabled=held.autocast is not None):
            output = network(inputs, samples=batch.samples.to(weight.device), seeds=held.seeds, **given)
        yield output.logits.argmax(-1).cpu(), batch


def _risks(early: Tensor, whole: Tensor, batch: Batch, of: str) -> Tensor:
    """[B] in [0, 1]; samples without a target that counts are left out."""
    targets = batch.targets.reshape(len(batch.samples), -1)
    early, late = (best.reshape(targets.shape) for best in (early, whole))
    bad = early != late
    if of == "accuracy":
        bad = bad & (late == targets)
    counted = targets != IGNORED
    some = counted.any(-1)
    return ((bad & counted).sum(-1).double() / counted.sum(-1).clamp(min=1))[some]


def _figures(held: Opened) -> dict[str, Any]:
    found = held.measure()
    return {name: found[name] for name in FIGURES}


def _with(graph: Graph, chooses: Mapping[str, Form]) -> Graph:
    routers = (
        replace(entry, fields=entry.fields.replace(choose=chooses[entry.name])) if entry.name in chooses else entry
        for entry in graph.routers
    )
    return replace(graph, routers=tuple(routers))


def _choose(graph: Graph, router: str) -> Form:
    form = graph.router[router].fields["choose"]
    assert isinstance(form, Form)
    return form


def _when(graph: Graph, router: str) -> object:
    return graph.router[router].fields.get("when", "both")


def thresholds_text(names: Sequence[str], threshold: float) -> str:
    """Settings that give the net this threshold, for `--set`."""
    routers = dict.fromkeys(name.partition("[")[0].partition(".router")[0] for name in names)
    return " ".join(f"--set '{name}.choose=threshold({threshold:g})'" for name in routers)
