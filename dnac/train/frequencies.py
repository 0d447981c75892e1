"""Tables of `score = balanced_hash`: ids of the training data counted, and dealt out to the emptiest candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dnac import catalogue
from dnac.data.base import Dataset
from dnac.ir.form import Form
from dnac.kinds.base import ScoreKind, params_of
from dnac.kinds.declared import key_of, tables
from dnac.kinds.score.hash import numbers

if TYPE_CHECKING:
    from dnac.lowering.network import Network

MOST = 10_000_000
"""Tokens at the beginning of the training data that are counted."""
BATCH = 64


@torch.no_grad()
def fill_tables(network: Network, dataset: Dataset) -> None:
    """Fill the table of every router that has one. Equal data give equal tables on every machine."""
    sizes, state = dict(tables(network.graph)), network.state_dict()
    if not sizes:
        return
    counts = counted(dataset, max(sizes.values()), is_text=network.graph.is_text)
    for router in network.graph.routers:
        key, form = key_of(router.name, "table"), router.fields["score"]
        if key in sizes and isinstance(form, Form):
            kind: ScoreKind = catalogue.get("score", form.name)
            hashes = numbers(params_of(kind, form).seed, torch.arange(len(counts)), router.size)
            state[key].copy_(assigned(counts, hashes))


def counted(dataset: Dataset, size: int, *, is_text: bool) -> Tensor:
    """[size] how often each id stands in the inputs, int64; of images each place as often."""
    counts = torch.zeros(size, dtype=torch.int64)
    if not is_text:
        return counts + dataset.samples
    for batch in dataset.sequential(BATCH):
        counts += torch.bincount(batch.inputs.flatten(), minlength=size)
        if counts.sum() >= MOST:
            break
    return counts


def assigned(counts: Tensor, hashes: Tensor) -> Tensor:
    """[V]: 1 + the candidate of each id, 0 for those that were not seen.

    counts: [V] int64; hashes: [V, M], of which the largest decides among equally full candidates, the first of those.
    """
    table, loads = torch.zeros(len(counts)), [0] * hashes.shape[-1]
    for token in counts.argsort(descending=True, stable=True).tolist():
        if not counts[token]:
            break
        least = min(loads)
        drawn = hashes[token].tolist()
        slot = max((n for n, load in enumerate(loads) if load == least), key=lambda n: drawn[n])
        loads[slot] += int(counts[token])
        table[token] = 1 + slot
    return table
