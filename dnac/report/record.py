"""The routing record: which modules each held-out token took at each routing step.

Shapes: N sequences, T tokens, K chosen, M candidates, S routing steps.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dnac.train.routing import routing_steps

if TYPE_CHECKING:
    from dnac.data.base import Dataset, Tokenizer
    from dnac.lowering.network import Network

IntArray = np.ndarray[Any, np.dtype[np.int16]]
FloatArray = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class StepTrace:
    """One routing step over all recorded tokens."""

    site: str
    candidates: tuple[str, ...]
    """Names of the members, in slot order: `nodes.block[3]`."""
    skips: tuple[int, ...]
    """Slots that are identity."""
    ids: IntArray
    """[N, T, K] chosen slots, -1 for an empty one."""
    weights: FloatArray
    """[N, T, K] what multiplied the increments."""
    entropy: float
    """Mean entropy of a token's gates, in nats."""
    exits: tuple[int, ...] = ()
    """Slots at which a token leaves a loop or the net."""

    @property
    def loads(self) -> FloatArray:
        """[M] part of all choices that each candidate took; empty slots belong to none."""
        counts = np.bincount(self.ids[self.ids >= 0], minlength=len(self.candidates))
        return (counts / max(self.ids.size, 1)).astype(np.float32)

    @property
    def skip_share(self) -> float:
        """Part of all choices that fell on an identity."""
        return float(self.loads[list(self.skips)].sum())

    @property
    def exit_share(self) -> float:
        """Part of all tokens that left here."""
        return float(np.isin(self.ids, self.exits).any(-1).mean()) if self.exits else 0.0


@dataclass(frozen=True)
class Record:
    """The choices of a trained net on some held-out samples."""

    steps: tuple[StepTrace, ...]
    pieces: tuple[tuple[str, ...], ...] = ()
    """The text of each token of the first few sequences."""
    images: np.ndarray[Any, np.dtype[np.uint8]] | None = None
    """[n, height, width, channels] the first few images."""
    source: str = ""
    """In words: which data, how many samples."""
    inputs: np.ndarray[Any, np.dtype[np.int32]] | None = None
    """[N, T] token ids of text."""

    @property
    def tokens(self) -> int:
        """Tokens recorded."""
        return int(np.prod(self.steps[0].ids.shape[:2])) if self.steps else 0

    def loads(self) -> dict[str, list[float]]:
        """Site to the part of choices per candidate slot."""
        return {step.site: [float(x) for x in step.loads] for step in self.steps}

    def paths(self) -> Counter[tuple[int, ...]]:
        """How often each path was taken: the chosen slots of all steps, sorted within a step."""
        rows = self.path_rows().reshape(self.tokens, -1)
        distinct, counts = np.unique(rows, axis=0, return_counts=True)
        return Counter({tuple(int(i) for i in row): int(n) for row, n in zip(distinct, counts, strict=True)})

    def path_rows(self) -> IntArray:
        """[N, T, S*K] the path of each token."""
        return np.concatenate([np.sort(step.ids, axis=-1) for step in self.steps], axis=-1)


def collect(
    network: Network, dataset: Dataset, *, batches: int = 8, batch_size: int = 16, tokenizer: Tokenizer | None = None
) -> Record:
    """Run the first batches of a split in order, in eval mode, and keep what the routers chose.

    `tokenizer` gives the text of the first sequences. The network's mode is put back.
    """
    import torch

    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    outputs, inputs = [], []
    with torch.no_grad():
        for batch in islice(dataset.sequential(batch_size), batches):
            outputs.append(network(batch.inputs.to(device), record=True, samples=batch.samples.to(device)).record)
            inputs.append(batch.inputs)
    network.train(was_training)
    steps = tuple(_trace(step, [o[i] for o in outputs]) for i, step in enumerate(routing_steps(network.graph)))
    samples = sum(len(i) for i in inputs)
    source = f"{samples} samples of {dataset.card.name}"
    if not network.graph.is_text:
        return Record(steps, (), _pixels(inputs[0][:16].numpy()), source)
    shown = [] if tokenizer is None else [_pieces(tokenizer, row.tolist()) for row in inputs[0][:12]]
    return Record(steps, tuple(shown), None, source, np.concatenate([i.numpy() for i in inputs]).astype(np.int32))


def save(record: Record, path: Path) -> None:
    """Keep a record as `.npz` (no pickle): arrays `ids.<step>` and `weights.<step>`, and a JSON header."""
    header = {
        "version": 1,
        "source": record.source,
        "pieces": record.pieces,
        "steps": [
            {"site": s.site, "candidates": s.candidates, "skips": s.skips, "entropy": s.entropy, "exits": s.exits}
            for s in record.steps
        ],
    }
    arrays: dict[str, Any] = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}
    for i, step in enumerate(record.steps):
        arrays |= {f"ids.{i}": step.ids, f"weights.{i}": step.weights}
    if record.images is not None:
        arrays["images"] = record.images
    if record.inputs is not None:
        arrays["inputs"] = record.inputs
    np.savez_compressed(path, **arrays)


def load(path: Path) -> Record:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        steps = tuple(
            StepTrace(
                step["site"], tuple(step["candidates"]), tuple(step["skips"]), arrays[f"ids.{i}"],
                arrays[f"weights.{i}"], step["entropy"], tuple(step.get("exits", ())),
            )
            for i, step in enumerate(header["steps"])
        )  # fmt: skip
        images, inputs = arrays.get("images"), arrays.get("inputs")
    return Record(steps, tuple(tuple(p) for p in header["pieces"]), images, header["source"], inputs)


def _trace(step: Any, records: list[Any]) -> StepTrace:
    """Join the records of one step over all batches."""
    from dnac.lowering.stats import entropy

    ids = np.concatenate([r.ids.cpu().numpy() for r in records]).astype(np.int16)
    weights = np.concatenate([r.weights.float().cpu().numpy() for r in records]).astype(np.float32)
    entropies = [float(entropy(r.gates.double()).mean()) for r in records]
    return StepTrace(
        step.site, tuple(str(c) for c in step.candidates), step.skips, ids, weights, float(np.mean(entropies)),
        step.exits,
    )  # fmt: skip


def _pieces(tokenizer: Tokenizer, ids: list[int]) -> tuple[str, ...]:
    """The text of each token; a byte that is no character by itself shows as one."""
    return tuple(tokenizer.decode([i]).decode("utf-8", errors="replace") for i in ids)


def _pixels(images: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Normalised pixels to 0..255, each image stretched over its own range."""
    low = images.min(axis=(1, 2, 3), keepdims=True)
    span = np.maximum(images.max(axis=(1, 2, 3), keepdims=True) - low, 1e-6)
    return ((images - low) / span * 255).round().astype(np.uint8)
