"""`Ops` for a bank of modules on sorted rows: rows are [N], weights are stacked [M, ...].

B sequences, T tokens, K choices, N = B T K rows, M modules of the bank, H heads, G heads of keys and
values, E head width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.kinds.base import Ops
from dnac.kinds.ops import Heads
from dnac.kinds.words import word
from dnac.lowering import draws, peers
from dnac.lowering.attention import by_sdpa, heads_of, in_reach, where_seen
from dnac.lowering.device import constant, is_at_hand
from dnac.lowering.frame import Frame
from dnac.lowering.gmm import grouped_linear
from dnac.lowering.ops_composed import ComposedOps
from dnac.lowering.rows import BankRows, cleared, from_bank, spread, to_bank


@dataclass(frozen=True)
class Keys:
    """Keys and values in token order, and whom they belong to. J keys per sequence."""

    k: Tensor
    """[B, J, G, E]"""
    v: Tensor
    module: Tensor
    """[B, J] int64: a number per module of the network; -1 for nobody's."""
    positions: Tensor
    """[J] int64."""


@dataclass(frozen=True)
class RowSet:
    """What the rows of one bank are: where they come from and which modules they go to."""

    rows: BankRows
    K: int
    module_BR: Tensor
    """[B, T*K] int64: network-wide number of the module of each row in token order; -1: not here."""
    numbers: tuple[int, ...]
    """Network-wide number of each module of the bank."""
    names: tuple[Tensor | int, ...]
    """The modules' names as words for draws."""
    sees: str
    tokens_BTD: Tensor
    """What every token would feed to the bank's first part, for `sees = everyone`."""
    carries: bool = False
    """Whether later routing steps may see the keys made here."""
    away_BT: Tensor | None = None
    """[B, T] bool, for `sees = copied`: tokens that have left, and give keys to every module."""
    only: str = "whole"
    """For `sees = history`: `keys` to leave keys alone, `queries` where they are there already, else both."""


@dataclass
class RowOps(ComposedOps):
    """Operations of one part of a bank.

    The seam for a decode cache is `attend`, as in `DenseOps`: keys made here are appended to lists
    keyed by (routing step, module), and queries attend to the list of their own module.
    """

    frame: Frame
    site: Tensor | int
    set: RowSet
    part: str

    @property
    def training(self) -> bool:
        """Whether dropout acts."""
        return self.frame.training

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """x [N, ..., I] times each row's own weight, stacked [M, I, O], plus its bias."""
        inner = x.shape[1:-1]
        flat = x.reshape(-1, x.shape[-1])
        each = flat.shape[0] // x.shape[0]
        ends = self.set.rows.ends if each == 1 else self.set.rows.ends * each
        y = grouped_linear(flat, weight, ends).reshape(x.shape[0], *inner, weight.shape[-1])
        return y if bias is None else y + self._own(bias, y)

    def norm(self, x: Tensor, kind: Form, gain: Tensor | None) -> Tensor:
        """The norm over the last axis, times each row's own gain, stacked [M, D]."""
        normalise = word("norm", kind).normalise
        y = x if normalise is None else normalise(x)
        return y if gain is None else y * self._own(gain, y)

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
        """Attention of each row among the keys it sees; [N, H, E]."""
        if self._goes_by_segments:
            return self._by_segments(self._heads_of(project(x, self), heads, positions), causal, window)
        packed = self._in_token_order(project(x, self))
        at = self._token_positions()
        table = self.frame.table(positions, heads.width, packed.dtype)
        q, k, v = heads_of(packed, heads, None if table is None else (table[0][at], table[1][at]))
        own = Keys(k, v, self.set.module_BR, at)
        if self.set.sees == "history":
            return self._history(q, own, causal, window)
        seen = [own]
        if self.set.sees in ("everyone", "copied"):
            seen = [self._everyone(project, heads, positions)]
        elif self.set.sees == "module":
            seen = [*self._met(self.frame.earlier(self.set.numbers, self.part)), own]
        elif self.set.sees == "first":
            seen = [*self._firsts(own)]
        if self.set.carries:
            self.frame.carried.append((self.set.numbers, self.part, own))
        is_first = self.set.sees == "first"
        mask = torch.cat([self._visible(keys, keys is own and not is_first, causal, window) for keys in seen], dim=-1)
        k, v = (torch.cat([getattr(keys, name) for keys in seen], dim=1) for name in ("k", "v"))
        made = where_seen(q, k, v, mask) if is_first else by_sdpa(q, k, v, mask)
        return to_bank(made.flatten(0, 1), self.set.rows)

    def own(self, x: Tensor, values: Tensor) -> Tensor:
        """x [N, D] times each row's own vector, stacked [M, D]."""
        return x * self._own(values, x)

    def neighbours(self, x: Tensor, at: Callable[[Tensor], Tensor]) -> Tensor:
        """Rows of the same module at other positions, [N, n, W]."""
        T, K, modules = self.frame.tokens, self.set.K, self.set.module_BR
        places_Rn = at(self.frame.positions())[self._token_positions()]
        inside = (places_Rn >= 0) & (places_Rn < T)
        # a token may have chosen this module in any of its slots, in one at most; `where`, as inductor fails on `clamp`
        rows_RnK = torch.where(inside, places_Rn, 0)[..., None] * K + torch.arange(K, device=x.device)
        found_BRnK = (modules[:, rows_RnK] == modules[:, :, None, None]) & (modules >= 0)[:, :, None, None]
        found_BRnK = found_BRnK & inside[..., None]
        row_BRn = torch.where(found_BRnK, rows_RnK, 0).amax(-1)
        held = self._in_token_order(cleared(x, self.set.rows))
        near = torch.gather(held, 1, row_BRn.flatten(1)[..., None].expand(-1, -1, held.shape[-1]))
        near = torch.where(found_BRnK.any(-1)[..., None], near.unflatten(1, row_BRn.shape[1:]), 0)
        return to_bank(near.flatten(0, 1), self.set.rows)

    def together(self, x: Tensor, mix: Callable[[Tensor, Tensor | None], Tensor], *, causal: bool) -> Tensor:
        """Rows of the same module and sequence; [N, V]."""
        at, modules = self._token_positions(), self.set.module_BR
        seen = (modules[:, :, None] == modules[:, None, :]) & (modules >= 0)[:, None, :]
        seen = seen & in_reach(at, at, causal=causal, window=None)
        rows = self.set.rows
        made = mix(self._in_token_order(cleared(x, rows)), seen)
        return cleared(to_bank(made.flatten(0, 1), rows), rows)

    def dropout(self, x: Tensor, rate: float, branch: str) -> Tensor:
        """Drop features while training, drawn per (site, module, branch, sample, position)."""
        if not self.training or rate == 0:
            return x
        rows = self.set.rows
        names = draws.together(self.set.names, x.device)
        who = names[rows.module], draws.name_word(f"{self.part}.{branch}")
        sample = self.frame.samples[rows.order // (self.set.K * self.frame.tokens)]
        return self.frame.dropout(x, rate, self.site, *who, sample, self.positions())

    def drop_layer(self, x: Tensor, rate: Any) -> Tensor:
        """Nothing for rows of some of the sequences while training, drawn per (site, module, sample)."""
        if not self.training or rate == 0:
            return x
        rows = self.set.rows
        names = draws.together(self.set.names, x.device)[rows.module]
        sample = self.frame.samples[rows.order // (self.set.K * self.frame.tokens)]
        kept_N = self.frame.kept_layers(rate, self.site, names, draws.name_word("layer"), sample)
        return torch.where(kept_N[:, None], x, 0)

    def positions(self) -> Tensor:
        """[N] int64."""
        return self.set.rows.order // self.set.K % self.frame.tokens

    @property
    def _goes_by_segments(self) -> bool:
        """Whether peers are found row by row instead of under a mask: worth it where sequences are long."""
        places = self.set
        is_long = self.frame.tokens * places.K >= peers.LONG and len(places.numbers) > 1
        return is_long and places.sees == "peers" and not places.carries and places.rows.order.device.type == "cpu"

    def _by_segments(self, made: tuple[Tensor, Tensor, Tensor], causal: bool, window: int | None) -> Tensor:
        q, k, v = made
        rows, group = self.set.rows, q.shape[1] // k.shape[1]
        if group > 1:
            k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        segment = rows.module * self.frame.batch + rows.order // (self.set.K * self.frame.tokens)
        places = peers.Places(segment, self.positions(), rows.ends[-1:], causal, window or 0)
        return peers.attended(q, k, v, places)

    def _heads_of(self, packed: Tensor, heads: Heads, positions: Form) -> tuple[Tensor, Tensor, Tensor]:
        table = self.frame.table(positions, heads.width, packed.dtype)
        at = self.positions()
        return heads_of(packed, heads, None if table is None else (table[0][at], table[1][at]))

    def _own(self, values: Tensor, like: Tensor) -> Tensor:
        """Each row's own vector of values [M, D], shaped to join `like` [N, ..., D]."""
        found = spread(values.to(like.dtype), self.set.rows)
        return found.reshape(found.shape[0], *(1,) * (like.dim() - 2), found.shape[1])

    def _in_token_order(self, x: Tensor) -> Tensor:
        """[N, ...] to [B, T*K, ...]."""
        return from_bank(x, self.set.rows).unflatten(0, (self.frame.batch, -1))

    def _token_positions(self) -> Tensor:
        """[T*K] int64: position of each row of a sequence in token order."""
        made, key = self.frame.made, ("row positions", self.set.K)
        if key not in made:
            at = self.frame.positions()
            made[key] = at[:, None].expand(at.shape[0], self.set.K).flatten()
        return made[key]

    def _visible(self, keys: Keys, is_own: bool, causal: bool, window: int | None) -> Tensor:
        """[B, T*K, J] bool. A row always sees itself, so that dead rows see something."""
        at = self._token_positions()
        seen = self.set.module_BR[:, :, None] == keys.module[:, None, :]
        seen = seen & in_reach(at, keys.positions, causal=causal, window=window)
        dead = (self.set.module_BR < 0)[:, :, None]
        if is_own:
            return seen
        return seen | dead if self.set.sees in ("everyone", "copied") else seen & ~dead

    def _met(self, earlier: list[Keys]) -> list[Keys]:
        """Of keys of earlier routing steps, those that some row here sees: where no module is the same, none does."""
        if not earlier or not is_at_hand(self.set.module_BR):
            return earlier
        own = {*self.set.module_BR.unique().tolist()} - {-1}
        return [keys for keys in earlier if not own.isdisjoint(keys.module.unique().tolist())]

    def _firsts(self, own: Keys) -> Iterator[Keys]:
        """The keys that each module of the bank left at the first routing step at which it could run."""
        known: set[int] = set()
        for modules, part, keys in (*self.frame.carried, (self.set.numbers, self.part, own)):
            fresh = {*modules} & {*self.set.numbers} - known
            if part == self.part and fresh:
                again = [number for number in modules if number in known]
                is_again = [keys.module == number for number in again]
                known |= fresh
                yield (
                    replace(keys, module=torch.where(torch.stack(is_again).any(0), -1, keys.module)) if again else keys
                )

    def _history(self, q: Tensor, own: Keys, causal: bool, window: int | None) -> Tensor:
        """Attention among all pairs so far, whichever modules made their keys; [N, H, E]."""
        if self.set.only != "queries":
            self.frame.history.append(own)
        if self.set.only == "keys":
            return to_bank(q.flatten(0, 1), self.set.rows)  # nobody reads what this pass makes
        seen: list[Keys] = self.frame.history
        at = self._token_positions()
        dead = (self.set.module_BR < 0)[:, :, None]  # these see something, since a softmax is never of nothing
        near = (in_reach(at, keys.positions, causal=causal, window=window) for keys in seen)
        live = ((keys.module >= 0)[:, None, :] | dead for keys in seen)
        mask = torch.cat([a & b for a, b in zip(near, live, strict=True)], dim=-1)
        k, v = (torch.cat([getattr(keys, name) for keys in seen], dim=1) for name in ("k", "v"))
        return to_bank(by_sdpa(q, k, v, mask).flatten(0, 1), self.set.rows)

    def _everyone(self, project: Callable[[Tensor, Ops], Tensor], heads: Heads, positions: Form) -> Keys:
        """Keys that each module of the bank makes of every token of the sequence."""
        frame, M = self.frame, len(self.set.numbers)
        tokens = self.set.tokens_BTD.flatten(0, 1)
        count = tokens.shape[0]
        place = torch.arange(M * count, device=tokens.device)
        ends = (torch.arange(M, device=tokens.device, dtype=torch.int32) + 1) * count
        every = BankRows(place % count, place, ends, place // count, torch.ones_like(place, dtype=torch.bool))
        ops = replace(self, set=replace(self.set, rows=every, K=1))
        packed = project(tokens.expand(M, *tokens.shape).flatten(0, 1), ops)
        _, k, v = ops._heads_of(packed, heads, positions)
        k, v = (x.unflatten(0, (M, frame.batch, frame.tokens)).transpose(0, 1).flatten(1, 2) for x in (k, v))
        numbers = constant(self.set.numbers, torch.int64, tokens.device)[:, None]
        module = numbers.expand(M, frame.tokens).flatten().expand(frame.batch, -1)
        if self.set.away_BT is not None:
            chose_BTM = (self.set.module_BR.unflatten(1, (-1, self.set.K))[..., None, :] == numbers).any(-1)
            gives_BMT = (chose_BTM | self.set.away_BT[..., None]).transpose(1, 2)
            module = torch.where(gives_BMT.flatten(1), module, -1)
        return Keys(k, v, module, frame.positions().expand(M, -1).flatten())
