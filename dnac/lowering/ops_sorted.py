"""`Ops` for a bank of modules that stays in sorted order, by kernels that skip dead rows.

What a kernel does not serve runs as `RowOps` writes it, and `suits.py` says so before anything runs.
N rows, M modules, D width, K choices, H heads, G heads of keys and values, E head width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.base import Ops
from dnac.kinds.ops import Heads
from dnac.lowering.kernels import activations, norms, segments, tiles
from dnac.lowering.kernels.feed_forward import Rows, feed_forward
from dnac.lowering.kernels.tiles import bank_product
from dnac.lowering.ops_rows import RowOps
from dnac.lowering.products import BankWeights
from dnac.lowering.rows import BankRows


class Places(NamedTuple):
    """Where sorted rows stand, for attention among the rows of one (module, sequence)."""

    key: Tensor
    """[N] int32, ascending: module * B + sequence; dead rows last."""
    positions: Tensor
    """[N] int32: position in the sequence."""
    first: Tensor
    last: Tensor
    """Bounds of each block of rows (`segments.segment_blocks`)."""
    tiles: Tensor
    """Modules and first rows of tiles (`tiles.row_tiles`)."""


@dataclass
class SortedOps(RowOps):
    """Operations of one part of a bank."""

    reads: Tensor
    """[N, D] what the part reads; never made where a kernel reads `stream` and `added` instead."""
    stream: Tensor
    """[T', D] tokens whose rows these are."""
    added: Tensor | None
    """[N, D] increments of the parts before this one."""
    places: Places
    dtype: torch.dtype
    """Type of the products."""
    attention: str
    """Candidate: `segments` or `mask`."""
    product: str
    """Candidate: `tiles` or `aten`."""
    may_join: bool
    """Whether a result may hold the increments before it."""
    joined: Tensor | None = None
    """The result that does."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """x [N, ..., I] times each row's own weight, stacked [M, I, O], plus its bias."""
        inner = x.shape[1:-1]
        flat = x.reshape(-1, x.shape[-1]).to(self.dtype)
        each = flat.shape[0] // x.shape[0]
        table = self._tiles if each == 1 else None
        y = bank_product(flat, weight.to(self.dtype), self.set.rows.ends * each, table).reshape(
            x.shape[0], *inner, weight.shape[-1]
        )
        return y if bias is None else y + self._own(bias, y)

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """As its kind writes it. Dead rows hold anything: a gradient of zero times it would reach the gain."""
        return super().norm(torch.where(self.set.rows.live[:, None], x, 0), kind, gain)

    def normed_linear(self, x: Tensor, kind: Form, weights: Mapping[str, Tensor], name: str) -> Tensor:
        """Gather, norm and product; the gain is folded into the weight."""
        if x is not self.reads or kind.name not in norms.SERVED or not isinstance(weights, BankWeights):
            return super().normed_linear(x, kind, weights, name)
        rows = self.set.rows
        weight, bias = weights.folded("norm", name), weights.get(f"{name}_bias")
        y = norms.normed_product(
            self.stream, self.added, weight, rows.order, rows.inverse, rows.ends, self._tiles, self.set.K, kind.name
        )
        return y if bias is None else y + self._own(bias, y)

    def feed_forward(self, x: Tensor, norm: Form, weights: Mapping[str, Tensor], activation: Form) -> Tensor:
        """On tiles where they serve it; else as its parts."""
        if not self._suits_tiles(x, norm, weights, activation):
            return super().feed_forward(x, norm, weights, activation)
        rows = self.set.rows
        joins = self.may_join and self.added is not None
        made = feed_forward(
            self.stream, self.added, weights.folded("norm", "up"), weights["down"],  # type: ignore[attr-defined]
            Rows(rows.order, rows.inverse, rows.ends, self.places.tiles), self.set.K,
            norm=norm.name, activation=activation.name, joins=joins,
        )  # fmt: skip
        self.joined = made if joins else None
        return made

    def activate(self, x: Tensor, kind: Form) -> Tensor:
        """The activation, over live rows."""
        if kind.name not in activations.SERVED or x.dim() != 2:
            return super().activate(x, kind)
        return activations.activated(x, self.set.rows.ends, kind.name)

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
        """Attention among peers, in sorted order."""
        if self.attention != "segments" or not segments.serves(heads.width):
            return self._by_mask(x, project, heads, positions, causal, window)
        packed = project(x, self)
        seen = segments.attended(
            packed,
            *self.places[:4],
            self.set.rows.ends,
            self._table(positions, heads),
            list(heads),
            causal,
            window or 0,
        )
        return seen.unflatten(-1, (heads.queries, heads.width))

    @property
    def _tiles(self) -> Tensor | None:
        return self.places.tiles if self.product == "tiles" else None

    def _suits_tiles(self, x: Tensor, norm: Form, weights: Mapping[str, Tensor], activation: Form) -> bool:
        if self.product != "tiles" or x is not self.reads or not isinstance(weights, BankWeights):
            return False
        if norm.name not in norms.SERVED or "up_bias" in weights or "down_bias" in weights:
            return False
        sizes = weights["up"].shape[1:]
        return activation.name in activations.SERVED and tiles.serves(self.dtype, x.device, *sizes)

    def _table(self, positions: Form, heads: Heads) -> Tensor | None:
        """[N, E] cos beside sin of each row; float16 where products are in bfloat16, which rounds more coarsely."""
        key = "sorted table", positions.name, str(positions.get("base")), heads.width
        made = self.frame.made
        if key not in made:
            table = self.frame.table(positions, heads.width, torch.float32)
            dtype = torch.float16 if self.dtype == torch.bfloat16 else torch.float32
            made[key] = None if table is None else segments.packed_table(*table, dtype)
        return None if made[key] is None else made[key][self.places.positions]

    def _by_mask(
        self,
        x: Tensor,
        project: Callable[[Tensor, Ops], Tensor],
        heads: Heads,
        positions: Form,
        causal: bool,
        window: int | None,
    ) -> Tensor:
        """As `RowOps` does it, which reads dead rows: they are zero on the way in and on the way out."""
        live = self.set.rows.live[:, None]
        clean = lambda rows, ops: torch.where(live, project(rows, ops), 0)
        seen = super().attend(x, clean, heads, positions=positions, causal=causal, window=window)
        return torch.where(live[:, None], seen, 0)


def places_of(rows: BankRows, sequences: int, tokens: int, K: int) -> Places:
    """Places of a bank's sorted rows."""
    order, ends, count = rows.order, rows.ends, rows.order.shape[0]
    sequence, position = order // (tokens * K), order // K % tokens
    key = torch.where(rows.live, rows.module * sequences + sequence, count).to(torch.int32)
    return Places(key, position.to(torch.int32), *segments.segment_blocks(key), tiles.row_tiles(ends, count))
