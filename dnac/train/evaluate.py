"""Loss and scores of a network on held-out data: deterministic, without gradients, biases as they are.

Every sample counts once and every target alike, whatever the batch size. Shapes: B sequences, T
tokens, K choices, M candidates, V outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dnac.data.base import IGNORED, Batch, Dataset
from dnac.data.errors import no_targets
from dnac.kinds.present import AWAY
from dnac.lowering.base import Output
from dnac.text.diagnostic import Faults
from dnac.train.active import ActiveFlops
from dnac.train.budgets import Spending
from dnac.train.difficulty import NOTHING, ByDifficulty
from dnac.train.routing import RoutingStep, routing_steps

if TYPE_CHECKING:
    from dnac.lowering.network import Network


@torch.no_grad()
def evaluate(
    network: Network,
    dataset: Dataset,
    batch_size: int,
    *,
    batches: int | None = None,
    autocast: torch.dtype | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Scores over the split (or its first `batches`), as numbers that JSON can hold.

    A net that chooses in another way while generating is measured as it generates; as_trained_loss is its
    loss as it trained, which may look at later tokens (None where there is no difference).

    loss: mean cross entropy in nats per target. perplexity: e^loss (text). bits_per_byte: loss / ln 2
    over the mean bytes of a token of this split (text whose bytes are known). accuracy: share of
    targets with the largest logit. targets: how many counted. active_flops_per_token: from the
    choices made. skip_share: part of all choices that fell on an identity (None without routing).
    routers: for each router its skip_share, exit_share, empty_share and load per candidate, over its routing steps,
    as shares of the choices of tokens that were still here.
    budgets: for each budget the executed share it reached, what soft gates would say, its target, and the part of
    the tokens, sequences or batches above it (only where the net has budgets).
    Of a data set of questions and answers also exact_match: share of samples whose every target has the
    largest logit (None elsewhere), and accuracy_by_place: accuracy at each place of the answer (else empty).
    Where the data know how hard each target is: by_difficulty, depth_follows_difficulty, depth_follows_steps
    (`train.difficulty`).

    `given` goes to the network's forward: `knobs`, `seeds`, `route_masks`, `module_gates`.

    Raises:
        Faults: no target of the batches counts.
    """
    leaky: float | None = None
    if network.decodes and "decode" not in given:
        trained = evaluate(network, dataset, batch_size, batches=batches, autocast=autocast, decode=False, **given)
        leaky, given = trained["loss"], {**given, "decode": True}
    tally = _Tally(network, autocast, given, dataset)
    with _evaluating(network):
        for batch, is_last in _marked(islice(dataset.sequential(batch_size), batches)):
            is_odd = is_last and (len(batch.samples) < batch_size or bool((batch.targets == IGNORED).any()))
            with _uncompiled() if is_odd else nullcontext():
                tally.add(batch)
    if not tally.targets:
        raise Faults(no_targets(dataset.card.name))
    return {**tally.result(dataset.bytes_per_token), "as_trained_loss": leaky}


class _Tally:
    """Sums over batches; they stay on the device until the end."""

    def __init__(self, network: Network, autocast: torch.dtype | None, given: dict[str, Any], dataset: Dataset) -> None:
        self._network, self._autocast, self._given = network, autocast, given
        self._whole = _Whole() if getattr(dataset, "answers", False) else None
        self._steps = routing_steps(network.graph)
        self._spending = Spending(network.graph)
        weight = next(network.parameters())
        self._device, self._dtype = weight.device, weight.dtype
        self._hard = ByDifficulty(dataset, self._steps, self._device) if hasattr(dataset, "difficulty") else None
        self._sums = torch.zeros(3, dtype=torch.float64, device=self._device)
        """Loss, correct, targets."""
        self._counts = [torch.zeros(len(s.candidates) + 1, dtype=torch.int64, device=self._device) for s in self._steps]

    def add(self, batch: Batch) -> None:
        """One batch. Where some targets are padding, choices of padded tokens do not count. Data that know how hard
        their targets are have none: there a token without a target is work as well.
        """
        targets = batch.targets.to(self._device)
        counted = targets != IGNORED
        is_padded = self._hard is None and not bool((batch.targets != IGNORED).all())
        output = self._forward(batch, record=is_padded or self._hard is not None)
        self._spending.add(output.budgets)
        logits = output.logits.to(torch.promote_types(output.logits.dtype, torch.float32))
        loss = cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction="none")
        correct = (logits.argmax(-1) == targets) & counted
        self._sums += torch.stack([loss.double().sum(), correct.sum().double(), counted.sum().double()])
        if self._whole:
            self._whole.add(correct, counted)
        if self._hard:
            self._hard.add(batch, loss.view_as(targets), correct, output.record)
        for step, total in enumerate(self._counts):
            total += _choices(output, step, len(total), counted) if is_padded else output.stats[step].counts

    @property
    def targets(self) -> int:
        """Those that count."""
        return int(self._sums[2])

    def result(self, bytes_per_token: float | None) -> dict[str, Any]:
        """The dictionary that `evaluate` returns."""
        loss, correct, targets = self._sums.tolist()
        mean = loss / targets
        flops = ActiveFlops(self._network.graph).per_token(self._counts)
        return {
            "loss": mean,
            "bits_per_byte": mean / math.log(2) / bytes_per_token if bytes_per_token else None,
            "perplexity": math.exp(min(mean, 700.0)) if self._network.graph.is_text else None,
            "accuracy": correct / targets,
            **(self._whole.result() if self._whole else {"exact_match": None, "accuracy_by_place": []}),
            **(self._hard.result() if self._hard else NOTHING),
            "targets": int(targets),
            "active_flops_per_token": round(flops),
            **_routing(self._steps, [c.tolist() for c in self._counts]),
            **({"budgets": budgets} if (budgets := self._spending.result()) else {}),
        }

    def _forward(self, batch: Batch, *, record: bool) -> Output:
        inputs = batch.inputs.to(self._device, self._dtype if batch.inputs.is_floating_point() else None)
        with torch.autocast(self._device.type, self._autocast, enabled=self._autocast is not None):
            return self._network(inputs, record=record, samples=batch.samples.to(self._device), **self._given)


class _Whole:
    """Samples that are questions and answers, all of one shape: right as a whole, and by place."""

    def __init__(self) -> None:
        self._samples = 0
        self._sums: list[Tensor] = []

    def add(self, correct_BT: Tensor, counted_BT: Tensor) -> None:
        """One batch."""
        exact = (correct_BT | ~counted_BT).all(-1).sum()[None]
        self._sums.append(torch.cat([exact, correct_BT.sum(0)[counted_BT[0]]]))
        self._samples += len(correct_BT)

    def result(self) -> dict[str, Any]:
        """`exact_match` and `accuracy_by_place`."""
        exact, *places = (torch.stack(self._sums).sum(0).double() / self._samples).tolist()
        return {"exact_match": exact, "accuracy_by_place": places}


def _choices(output: Output, step: int, slots: int, counted_BT: Tensor) -> Tensor:
    """[M + 1] choices of tokens whose target counts and that have not left; empty slots last."""
    ids_BTK = output.record[step].ids
    here_BT = output.record[step].wanted[..., 0] != AWAY
    ids = torch.where(ids_BTK >= 0, ids_BTK, slots - 1)[counted_BT & here_BT].flatten()
    return torch.bincount(ids, minlength=slots)


def _routing(steps: Sequence[RoutingStep], counts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Skip shares over all, and for each router over its routing steps."""
    made = sum(map(sum, counts))
    skipped = sum(c[slot] for s, c in zip(steps, counts, strict=True) for slot in s.skips)
    names = dict.fromkeys(s.router for s in steps)
    return {
        "skip_share": skipped / made if made else None,
        "routers": {
            name: _router([(s, c) for s, c in zip(steps, counts, strict=True) if s.router == name]) for name in names
        },
    }


def _router(turns: Sequence[tuple[RoutingStep, Sequence[int]]]) -> dict[str, Any]:
    """A router that stands at several routing steps has the same candidates at each."""
    total = [sum(column) for column in zip(*(c for _, c in turns), strict=True)]
    made = max(sum(total), 1)
    return {
        "skip_share": sum(c[slot] for s, c in turns for slot in s.skips) / made,
        "exit_share": sum(c[slot] for s, c in turns for slot in s.exits) / made,
        "empty_share": total[-1] / made,
        "load": [n / made for n in total[:-1]],
    }


def _marked(batches: Iterator[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Each batch, and whether it is the last."""
    held = next(batches, None)
    for batch in batches:
        assert held is not None
        yield held, False
        held = batch
    if held is not None:
        yield held, True


def _uncompiled() -> AbstractContextManager[object]:
    """A last batch of another shape runs as it is: compiling a program for it would take far longer."""
    return torch.compiler.set_stance("force_eager")


@contextmanager
def _evaluating(network: Network) -> Iterator[None]:
    """Evaluation mode, and then the mode that was."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
