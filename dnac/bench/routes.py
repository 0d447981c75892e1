"""Choices forced on a net, so that its speed is measured under a load that is known.

Scores and gates are still computed from the stream, and weigh what the forced modules make.

- `uniform`: every module alike, drawn anew each step;
- `zipf`: the r-th most popular module with a chance in proportion to 1 / r, another one at each routing step;
- `one`: every token the same module;
- `learned`: the routers' own choice.

A share of the choices may fall on identities, scattered at random. Modules that choose their tokens take
their own share of them under every load, at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.kinds.base import ChooseKind, params_of
from dnac.passes.facts import chosen_per_token, field, fixed_choice

KINDS = ("uniform", "zipf", "one", "learned")


@dataclass(frozen=True)
class Step:
    """What may be chosen at one routing step."""

    site: str
    runs: tuple[int, ...]
    """Slots of modules that work."""
    skips: tuple[int, ...]
    """Slots of identities."""
    k: int
    is_fixed: bool
    size: int = 0
    take: Callable[[Tensor], Tensor] | None = None
    """Scores [B, T, M] to choices, where modules choose their tokens."""


def steps_of(graph: Graph) -> tuple[Step, ...]:
    """All routing steps, in the order in which a network takes its routes."""
    return tuple(_step(graph, node) for node in traits.unrolled(graph.nodes) if isinstance(node, Route))


def draw(
    steps: tuple[Step, ...], kind: str, skip: float, batch: int, tokens: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Choices [B, T, K] for every routing step, on the generator's device; `skip` is the share of identities.

    The k modules of a token differ: they are drawn without replacement.

    Raises:
        ValueError: there is no such kind, or too few candidates.
    """
    return tuple(_drawn(step, n, kind, skip, (batch, tokens), generator) for n, step in enumerate(steps))


def chances(kind: str, count: int, turn: int, device: torch.device) -> Tensor:
    """[count] relative chance of each module at routing step `turn`."""
    if kind == "uniform":
        return torch.ones(count, device=device)
    rank = (torch.arange(count, device=device) + turn) % count
    if kind == "zipf":
        return 1.0 / (1 + rank)
    raise ValueError(f"no routes called {kind}")


def may_skip(steps: tuple[Step, ...], share: float) -> bool:
    """Whether identities can take this share of the choices at every routing step that varies."""
    return all(s.is_fixed or s.take or (share * s.k <= min(len(s.skips), s.k)) for s in steps)


def _step(graph: Graph, node: Route) -> Step:
    router = graph.router[node.router]
    idle = [traits.is_identity(graph, m) and traits.turns_chosen(graph, m) is None for m in node.candidates]
    skips = tuple(i for i, is_idle in enumerate(idle) if is_idle)
    runs = tuple(i for i in range(len(node.candidates)) if i not in skips)
    form = field(router, "choose")
    kind: ChooseKind = catalogue.get("choose", form.name)
    params = params_of(kind, form)
    take = partial(kind.choose, params) if kind.choose is not None and (kind.takers(params) or kind.may_pass) else None
    return Step(node.site, runs, skips, chosen_per_token(router), fixed_choice(router) is not None, router.size, take)


def _drawn(step: Step, turn: int, kind: str, skip: float, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    device, K = generator.device, step.k
    if step.is_fixed:
        return torch.zeros(*shape, K, dtype=torch.int64, device=device)
    if step.take is not None:
        return step.take(torch.rand(*shape, step.size, generator=generator, device=device))
    if len(step.runs) < K:
        raise ValueError(f"{step.site} chooses {K} of {len(step.runs)} modules that work")
    runs = torch.tensor(step.runs, device=device)
    if kind == "one":
        ids = runs[:K].expand(*shape, K).clone()
    else:
        chance = chances(kind, len(runs), turn, device)
        # Gumbel's trick: the k largest of log chance + noise are k draws without replacement
        noise = -torch.log(-torch.log(torch.rand(*shape, len(runs), generator=generator, device=device)))
        ids = runs[(chance.log() + noise).topk(K, dim=-1).indices]
    return _skipped(ids, step, skip, generator) if skip else ids


def _skipped(ids: Tensor, step: Step, skip: float, generator: torch.Generator) -> Tensor:
    """The choices with a share of them on identities; a token takes each identity once at most."""
    K, at_most = step.k, min(len(step.skips), step.k)
    if skip * K > at_most:
        raise ValueError(f"{step.site} has {len(step.skips)} identities, too few for {skip:.0%} of {K} choices")
    drawn = torch.rand(*ids.shape[:2], at_most, generator=generator, device=ids.device)
    ids[..., :at_most] = torch.where(
        drawn < skip * K / at_most, torch.tensor(step.skips[:at_most], device=ids.device), ids[..., :at_most]
    )
    return ids
