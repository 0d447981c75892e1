"""`Ops` and `RouterOps` made by hand, for tests of formulas below any lowering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.kinds.base import Site, WeightSpec, params_of
from dnac.kinds.ops import Heads
from dnac.kinds.words import word
from dnac.lowering.attention import rotary_table, turned
from dnac.lowering.ops_composed import ComposedOps


@dataclass
class PlainOps(ComposedOps):
    """One module on all tokens [B, T]; every token of a sequence gives keys."""

    at: Tensor
    training: bool = False

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return x @ weight if bias is None else x @ weight + bias

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        normalise = word("norm", kind).normalise
        return x if normalise is None or gain is None else normalise(x) * gain

    def attend(
        self, x: Tensor, project: Any, heads: Heads, *, positions: Form, causal: bool, window: int | None
    ) -> Tensor:
        H, G, E = heads
        q, k, v = (x.unflatten(-1, (-1, E)) for x in project(x, self).split((H * E, G * E, G * E), dim=-1))
        table = rotary_table(positions, E, self.at.to(q.dtype))
        if table is not None:
            q, k = (turned(part, *table) for part in (q, k))
        q, k, v = (part.transpose(-3, -2) for part in (q, k, v))
        k, v = (part.repeat_interleave(q.shape[-3] // k.shape[-3], dim=-3) for part in (k, v))
        ahead = self.at[..., None, :] - self.at[..., :, None]
        seen = ahead <= 0 if causal else torch.ones_like(ahead, dtype=torch.bool)
        if window is not None:
            seen = seen & (ahead.abs() < window)
        scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5
        probs = scores.masked_fill(~seen[..., None, :, :], -torch.inf).softmax(-1)
        return (probs @ v).transpose(-3, -2)

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        return x

    def drop_layer(self, x: Tensor, rate: float) -> Tensor:
        return x

    def positions(self) -> Tensor:
        return self.at


@dataclass
class PlainRouterOps:
    """Token ids as given, random numbers from a seeded generator."""

    ids: Tensor
    candidates: int
    training: bool = True
    seed: int = 0

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        return x @ weight

    def token_ids(self) -> Tensor:
        return self.ids

    def uniform(self, last: int, purpose: str) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return torch.rand(*self.ids.shape, last, generator=generator, dtype=torch.float64)


def draw(specs: tuple[WeightSpec, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> dict[str, Tensor]:
    """Declared weights with their initial values."""
    generator = torch.Generator().manual_seed(seed)
    found = dict[str, Tensor]()
    for spec in specs:
        kind = catalogue.get("init", spec.init.name)
        found[spec.name] = kind.draw(params_of(kind, spec.init), spec.shape, generator).to(dtype)
    return found


def complete(of: str, name: str, **args: Any) -> Form:
    """A word with some arguments, as its complete form."""
    return catalogue.get(of, name).Params(**args).form(name)


def module(name: str, site: Site, **args: Any) -> tuple[Any, Any, tuple[WeightSpec, ...]]:
    """(kind, resolved params, weights) of a leaf module."""
    kind = catalogue.get("module", name)
    params = kind.resolve(kind.Params(**args), site)
    return kind, params, kind.weights(params, site)


def apply(
    name: str, x: Tensor, *, causal: bool = True, weights: Mapping[str, Tensor] | None = None, **args: Any
) -> Tensor:
    """The increment of a leaf module on x [B, T, D], with drawn weights unless given."""
    site = Site(width=x.shape[-1], tokens=x.shape[1], causal=causal)
    kind, params, specs = module(name, site, **args)
    at = torch.arange(x.shape[1]).expand(x.shape[:2])
    return kind.forward(params, draw(specs, x.dtype) if weights is None else weights, x, PlainOps(at))
