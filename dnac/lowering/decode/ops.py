"""`Ops` for some tokens of a batch, that see what earlier tokens left in a cache.

R rows of one module, H query heads, G heads of keys and values, E head width; J rows that are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.base import Ops
from dnac.kinds.ops import Heads
from dnac.lowering.attention import by_sdpa, heads_of, in_reach, where_seen
from dnac.lowering.decode.cache import Cache, Rows, visible
from dnac.lowering.frame import Frame
from dnac.lowering.ops_composed import OneModuleOps


@dataclass
class CachedOps(OneModuleOps):
    """Operations of one part of one module on rows [R, ...]. Nothing is dropped: nobody trains token by token."""

    frame: Frame
    cache: Cache
    key: Hashable
    """Who may look, see `cache`."""
    rows: Rows
    sees_earlier_steps: bool = False
    """Whether attention sees what earlier routing steps left; other mixing never does."""
    keeps: bool = True
    """Whether what these rows leave is kept; not where an earlier pass has kept it."""
    looks: bool = True
    """Whether rows look at others; not where only their keys are wanted."""
    first: int | None = None
    """For `sees = first`: the run of modules in a pass whose keys attention sees, and no others."""
    training: bool = False

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
        """Keys and values of the rows join those that are kept; [R, H, E] of what each row has seen of them."""
        packed = project(x, self)
        table = self.frame.table(positions, heads.width, packed.dtype)
        if table is not None:
            cos, sin = (each[self.rows.position - self.cache.tokens] for each in table)
            table = cos, sin
        q, k, v = heads_of(packed, heads, table)
        (keys, values), whose = self._with("attend", k, v)
        if not self.looks:
            return q
        reach = in_reach(self.rows.position, whose.position, causal=causal, window=window)
        seen = visible(self.rows, whose, reach, only_this_step=not self.sees_earlier_steps)
        if self.first is not None:
            return where_seen(q[None], keys[None], values[None], (seen & (whose.step == self.first))[None])[0]
        return by_sdpa(q[None], keys[None], values[None], seen[None])[0]

    def neighbours(self, x: Tensor, at: Callable[[Tensor], Tensor]) -> Tensor:
        """Kept rows at other positions of the same sequence, [R, n, W]; zero where there is none."""
        (kept,), whose = self._with("neighbours", x)
        places = at(self.rows.position)
        here = torch.ones((len(x), len(whose.position)), dtype=torch.bool, device=x.device)
        same = visible(self.rows, whose, here, only_this_step=True)
        found = same[:, None] & (places[:, :, None] == whose.position)
        first = found.to(torch.uint8).argmax(-1)
        return torch.where(found.any(-1)[..., None], kept[first], 0)

    def together(self, x: Tensor, mix: Callable[[Tensor, Tensor | None], Tensor], *, causal: bool) -> Tensor:
        """`mix` of all rows that are kept; what it makes of the new ones. The work grows with their square."""
        (kept,), whose = self._with("together", x)
        reach = in_reach(whose.position, whose.position, causal=causal, window=None)
        seen = visible(whose, whose, reach, only_this_step=True)
        return mix(kept[None], seen[None])[0, -len(x) :]

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        """x."""
        return x

    def drop_layer(self, x: Tensor, rate: float | Form) -> Tensor:
        """x."""
        return x

    def positions(self) -> Tensor:
        """[R] int64."""
        return self.rows.position

    def _with(self, what: str, *tensors: Tensor) -> tuple[tuple[Tensor, ...], Rows]:
        """What is kept, with these rows behind it, and whose it is."""
        kept = self.cache.at((self.key, what))
        if self.keeps:
            kept.add(*tensors, *self.rows)
        elif self.first is not None:  # later turns leave nothing, and look even where the first one left nothing
            kept.add(*(t[:0] for t in (*tensors, *self.rows)))
        *found, sample, position, step = kept.all()
        return tuple(found), Rows(sample, position, step)
