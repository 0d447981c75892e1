"""Batches of random data of the shape that a net trains on: never zeros, which some devices multiply faster."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dnac.bench.base import Task

Batch = tuple[Tensor, Tensor]
"""Inputs and targets."""


def uniform(task: Task, generator: torch.Generator) -> Batch:
    """Token ids all alike likely, or pixels from a normal distribution."""
    source: dict[str, Any] = dict(task.graph.input.args)
    if not task.graph.is_text:
        return _images(task, source, generator)
    shape = (task.batch, task.length + 1)
    ids = torch.randint(source["vocabulary"], shape, generator=generator, device=generator.device)
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def zipf(task: Task, generator: torch.Generator) -> Batch:
    """Token ids with a chance in proportion to 1 / rank, as the words of a text; each decides half of its
    successors, so that there is something to learn.
    """
    source: dict[str, Any] = dict(task.graph.input.args)
    if not task.graph.is_text:
        return _images(task, source, generator)
    vocabulary, device = source["vocabulary"], generator.device
    chance = 1.0 / torch.arange(1, vocabulary + 1, device=device)
    drawn = torch.multinomial(chance, task.batch * (task.length + 1), replacement=True, generator=generator)
    ids = drawn.view(task.batch, task.length + 1)
    follows = torch.rand(ids.shape, generator=generator, device=device) < 0.5
    ids[:, 1:] = torch.where(follows[:, 1:], (ids[:, :-1] * 31 + 7) % vocabulary, ids[:, 1:])
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def _images(task: Task, source: dict[str, Any], generator: torch.Generator) -> Batch:
    device = generator.device
    shape = (task.batch, *source["size"], source["channels"])
    pixels = torch.randn(shape, generator=generator, device=device).to(task.types.compute)
    return pixels, torch.randint(source["classes"], (task.batch,), generator=generator, device=device)
