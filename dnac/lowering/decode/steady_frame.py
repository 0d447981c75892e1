"""What the layers of one token share in a decoder with static shapes: positions, who is in reach, turns of queries.

n new tokens, C context, H heads, E head width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.lowering.attention import Table, in_reach
from dnac.lowering.decode.stores import Stores
from dnac.lowering.frame import Frame


@dataclass
class SteadyFrame(Frame):
    """A frame of tokens that stand behind others, at positions that the device knows."""

    at: Tensor | None = None
    """[1] int64: the position of the first of them."""
    stores: Stores | None = None

    def positions(self) -> Tensor:
        """[n] int64: position in the sequence."""
        if "positions" not in self.made:
            assert self.at is not None
            self.made["positions"] = self.at + torch.arange(self.tokens, device=self.inputs.device)
        return self.made["positions"]

    def reach(self, window: int | None) -> Tensor:
        """[n, C] bool: earlier positions of the context, or those less than `window` away; made once per token."""
        if ("reach", window) not in self.made:
            assert self.stores is not None
            everywhere = torch.arange(self.stores.context, device=self.inputs.device)
            self.made["reach", window] = in_reach(self.positions(), everywhere, causal=True, window=window)
        return self.made["reach", window]

    def added(self, window: int | None, dtype: torch.dtype) -> Tensor:
        """[n, C] what is added to scores: 0 in reach, else -inf. Layers share it, which saves each of them launches."""
        if ("added", window, dtype) not in self.made:
            reach = self.reach(window)
            zeros = torch.zeros(reach.shape, dtype=dtype, device=reach.device)
            self.made["added", window, dtype] = zeros.masked_fill(~reach, -torch.inf)
        return self.made["added", window, dtype]

    def open_and_closed(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """0 and -inf [], what is added to scores that are seen and that are not; made once per token."""
        if ("closed", dtype) not in self.made:
            values = (torch.full((), value, dtype=dtype, device=self.inputs.device) for value in (0.0, -torch.inf))
            self.made["closed", dtype] = tuple(values)
        return self.made["closed", dtype]

    def turn(self, positions: Form, width: int, like: torch.dtype) -> Table | None:
        """(cos, cos) and (-sin, sin), [n, E] each, for `turned_by`, which takes fewer launches; once per token."""
        key = "turn", positions, width, like
        if key not in self.made:
            table = self.table(positions, width, like)
            self.made[key] = table and (torch.cat((table[0], table[0]), -1), torch.cat((-table[1], table[1]), -1))
        return self.made[key]


def turned_by(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As `attention.turned`, to the last bit, by the tables [..., E] of `SteadyFrame.turn`."""
    wide = x.to(cos.dtype)
    cos, sin = cos[..., None, :], sin[..., None, :]
    return (wide * cos + wide.roll(x.shape[-1] // 2, -1) * sin).to(x.dtype)
