"""`Ops` for the rows of new tokens in token order, each with its own module, with static shapes and no host sync.

A row multiplies by its own module's weights, which are gathered; of many new tokens (a prompt) rows are sorted once
for each bank and multiplied by groups. Keys go to `Stores`, and attention looks at the whole context under a mask.

B sequences, n new tokens, K rows of a token, N = B n K rows, M modules of the bank, C context.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.base import Ops
from dnac.kinds.ops import Heads
from dnac.kinds.words import word
from dnac.lowering.attention import Table, by_sdpa
from dnac.lowering.decode.assignment import Assignment
from dnac.lowering.decode.steady_frame import SteadyFrame, turned_by
from dnac.lowering.gmm import grouped_linear
from dnac.lowering.ops_composed import ComposedOps
from dnac.text.diagnostic import InternalError


@dataclass(frozen=True)
class Looks:
    """Where the rows of one part leave keys, and whom they see."""

    family: Hashable
    band: Hashable
    """Family and band: see `stores`."""
    owner: Tensor | None
    """[B, n, K] int64: who each row is to others; `NOBODY` sees only what belongs to nobody. None: all see all."""
    anyone: bool = False
    """Whether rows see those of any owner (`sees = history`)."""
    keeps: bool = True
    """Whether rows leave keys; not where an earlier pass has left them."""
    searches: bool = True
    """Whether rows look at others; not where only their keys are wanted."""
    alone: bool = True
    """Whether rows see their own band alone."""


@dataclass
class SteadyOps(ComposedOps):
    """Operations of one part on rows [N, ...]. Nothing is dropped: nobody trains token by token."""

    frame: SteadyFrame
    rows: Assignment
    looks: Looks
    training: bool = field(default=False, init=False)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """x [N, ..., I] times each row's own weight of [M, I, O] (of one module: [I, O]), plus its bias."""
        if self.rows.place is None:
            y = torch.matmul(x, weight)
            return y if bias is None else y + bias.to(y.dtype)
        y = self._products(x.reshape(x.shape[0], -1, x.shape[-1]), weight).reshape(*x.shape[:-1], weight.shape[-1])
        return y if bias is None else y + self._own(bias, y)

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """The norm over the last axis, times each row's own gain."""
        normalise = word("norm", kind).normalise
        y = x if normalise is None else normalise(x)
        return y if gain is None else y * self._own(gain, y)

    def own(self, x: Tensor, values: Tensor) -> Tensor:
        """x [N, D] times each row's own vector."""
        return x * self._own(values, x)

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
        """Each row among the keys of the context that it sees; [N, H, E]."""
        frame, looks = self.frame, self.looks
        stores, K = frame.stores, self.rows.K
        assert stores is not None
        packed = project(x, self)
        q, k, v = _apart(packed, heads, self._turn(positions, heads.width, packed.dtype))
        shape = (frame.batch, frame.tokens, K)
        family = looks.family if looks.anyone else (looks.family, heads.keys, heads.width)
        if looks.keeps:
            k, v = (each.unflatten(0, shape) for each in (k, v))
            stores.write(family, looks.band, frame.positions(), k, v, looks.owner)
        if not looks.searches:
            return q
        keys, values, owners = stores.seen(family, looks.band, alone=looks.alone)
        seen = frame.added(window, q.dtype)[None] if owners is None else self._added(owners, window, q.dtype)
        return by_sdpa(q.unflatten(0, (frame.batch, -1)), keys, values, seen).flatten(0, 1)

    def neighbours(self, x: Tensor, at: Callable[[Tensor], Tensor]) -> Tensor:
        """Not served (`serves.why_unsteady`)."""
        raise InternalError("lowering.decode", "`serves.why_unsteady` let a module pass that mixes tokens without keys")

    def together(self, x: Tensor, mix: Callable[[Tensor, Tensor | None], Tensor], *, causal: bool) -> Tensor:
        """Not served (`serves.why_unsteady`)."""
        raise InternalError("lowering.decode", "`serves.why_unsteady` let a module pass that mixes tokens without keys")

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        """x."""
        return x

    def drop_layer(self, x: Tensor, rate: float | Form) -> Tensor:
        """x."""
        return x

    def positions(self) -> Tensor:
        """[N] int64."""
        return self._of_rows(self.frame.positions())

    def _products(self, x: Tensor, weight: Tensor) -> Tensor:
        """x [N, P, I] times each row's own of weights [M, I, O]: of all modules at once where each token has a row for
        each; of gathered weights where rows are few; else by groups of sorted rows.
        """
        rows, each = self.rows, x.shape[1]
        assert rows.place is not None
        if rows.every:
            by_module = x.unflatten(0, (-1, rows.modules)).transpose(0, 1)
            y = torch.bmm(by_module.flatten(1, 2), weight)
            return y.unflatten(1, by_module.shape[1:3]).transpose(0, 1).flatten(0, 1)
        if rows.order is None or rows.ends is None:
            return torch.bmm(x, weight.index_select(0, rows.place))
        y = grouped_linear(x[rows.order].flatten(0, 1), weight, rows.ends * each)
        return y.unflatten(0, (-1, each))[rows.back]

    def _added(self, owners: Tensor, window: int | None, dtype: torch.dtype) -> Tensor:
        """[B, n K, r C] what is added to scores. Rows of nobody see rows of nobody: a softmax is never of nothing."""
        frame, looks = self.frame, self.looks
        assert looks.owner is not None
        mine = looks.owner.flatten(1)[:, :, None, None]
        theirs = owners[:, None]
        seen = (mine == theirs) if not looks.anyone else (mine < 0) | (theirs >= 0)
        if frame.tokens > 1 or window is not None:
            reach = frame.reach(window)[:, None].expand(-1, self.rows.K, -1).flatten(0, 1)
            seen = seen & reach[None, :, None, :]
        return torch.where(seen, *frame.open_and_closed(dtype)).flatten(2)

    def _turn(self, positions: Form, width: int, like: torch.dtype) -> Table | None:
        """The frame's table of turns for each row; one row where there is one new token."""
        found = self.frame.turn(positions, width, like)
        if found is None or self.frame.tokens == 1:
            return found
        return self._of_rows(found[0]), self._of_rows(found[1])

    def _of_rows(self, of_n: Tensor) -> Tensor:
        """What is so for each new token [n, ...], for each row [N, ...]."""
        whole = of_n[None, :, None].expand(self.frame.batch, -1, self.rows.K, *of_n.shape[1:])
        return whole.reshape(-1, *of_n.shape[1:])

    def _own(self, values: Tensor, like: Tensor) -> Tensor:
        """Each row's own vector of [M, D], or the one vector [D], shaped to join `like` [N, ..., D]."""
        if self.rows.place is None:
            return values.to(like.dtype)
        found = values.index_select(0, self.rows.place).to(like.dtype)
        return found.reshape(found.shape[0], *(1,) * (like.dim() - 2), found.shape[1])


def _apart(packed: Tensor, heads: Heads, table: Table | None) -> tuple[Tensor, Tensor, Tensor]:
    """As `attention.heads_of`, queries and keys turned together: fewer launches, the same numbers."""
    H, G, E = heads
    q, k, v = packed.unflatten(-1, (-1, E)).split((H, G, G), dim=-2)
    if table is not None:
        q, k = turned_by(packed.unflatten(-1, (-1, E))[..., : H + G, :], *table).split((H, G), dim=-2)
    return q, k, v
