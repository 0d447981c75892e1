"""`Ops` for one module on every token: rows are [B, T], weights those of the one module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.base import Ops
from dnac.kinds.ops import Heads
from dnac.lowering import draws
from dnac.lowering.attention import by_sdpa, heads_of, in_reach
from dnac.lowering.frame import Frame
from dnac.lowering.look_up import looked_up
from dnac.lowering.ops_composed import OneModuleOps

Mix = Callable[[Frame, Tensor, Tensor, Tensor, bool, "int | None"], Tensor]
"""(frame, q, k, v, causal, window) to what each query has seen."""


@dataclass
class DenseOps(OneModuleOps):
    """Operations of one part of one module at one site.

    Token by token, `decode.ops` takes their place: there `attend` looks at keys that earlier tokens left.
    """

    frame: Frame
    site: Tensor | int
    """The place as a word for draws."""
    module: Tensor | int
    """The module's name as a word for draws."""
    part: str
    mix: Mix
    here: Tensor | None = None
    """[B, T] bool: the tokens that run here, where not all do; what the others hold is seen by nobody."""

    @property
    def training(self) -> bool:
        """Whether dropout acts."""
        return self.frame.training

    def look_up(self, table: Tensor, ids: Tensor) -> Tensor:
        """Rows of a table, whose gradient does not depend on the order in which threads come."""
        return looked_up(table, ids)

    def attend(
        self,
        x: Tensor,
        project: Callable[[Tensor, Ops], Tensor],
        heads: Heads,
        *,
        positions: Form,
        causal: bool,
        window: int | None,
    ) -> Tensor:
        """Attention over the tokens that `mix` lets each token see; [B, T, H, E]."""
        packed = project(x, self)
        q, k, v = heads_of(packed, heads, self.frame.table(positions, heads.width, packed.dtype))
        return self.mix(self.frame, q, k, v, causal, window)

    def neighbours(self, x: Tensor, at: Callable[[Tensor], Tensor]) -> Tensor:
        """Rows at other positions, [B, T, n, W]."""
        places, T = at(self.frame.positions()), self.frame.tokens
        inside, places = (places >= 0) & (places < T), places.clamp(0, T - 1)
        seen = inside[None] if self.here is None else inside & self.here[:, places]
        return torch.where(seen[..., None], x[:, places], 0)

    def together(self, x: Tensor, mix: Callable[[Tensor, Tensor | None], Tensor], *, causal: bool) -> Tensor:
        """All rows of the sequence that are here."""
        at = self.frame.positions()
        seen = in_reach(at, at, causal=True, window=None)[None] if causal else None
        if self.here is not None:
            here = self.here[:, None, :].expand(-1, len(at), -1)
            seen = here if seen is None else seen & here
        return mix(x, seen)

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        """Drop features while training, drawn per (site, module, branch, sample, position)."""
        if not self.training or rate == 0:
            return x
        who = self.module, draws.name_word(f"{self.part}.{branch}")
        where = self.frame.samples[:, None], self.positions()
        return self.frame.dropout(x, rate, self.site, *who, *where)

    def drop_layer(self, x: Tensor, rate: Any) -> Tensor:
        """Nothing for some of the sequences while training, drawn per (site, module, sample)."""
        if not self.training or rate == 0:
            return x
        kept_B = self.frame.kept_layers(rate, self.site, self.module, draws.name_word("layer"), self.frame.samples)
        return torch.where(kept_B[:, None, None], x, 0)

    def positions(self) -> Tensor:
        """[B, T] int64."""
        return self.frame.positions()[None].expand(self.frame.batch, self.frame.tokens)


def mix_all(frame: Frame, q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """Every token of the sequence is a key: the module ran for all of them."""
    if window is None:
        return by_sdpa(q, k, v, None, causal=causal)
    at = frame.positions()[None]
    return by_sdpa(q, k, v, in_reach(at, at, causal=causal, window=window))
