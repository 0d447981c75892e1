"""Softmax attention under a mask: written out, and by torch's SDPA. Who sees whom is decided elsewhere.

Q queries, J keys, H heads, G heads of keys and values, E head width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dnac.ir.form import Form
from dnac.kinds.ops import Heads
from dnac.kinds.words import word


def in_reach(queries: Tensor, keys: Tensor, *, causal: bool, window: int | None) -> Tensor:
    """[..., Q, J] bool from positions [..., Q] and [..., J] in the sequence: no later key if causal,
    and less than `window` positions away.
    """
    gap = queries[..., :, None] - keys[..., None, :]
    seen = gap >= 0 if causal else torch.ones_like(gap, dtype=torch.bool)
    return seen if window is None else seen & (gap.abs() < window)


Table = tuple[Tensor, Tensor]
"""cos and sin [..., E / 2]."""


def heads_of(packed: Tensor, heads: Heads, table: Table | None) -> tuple[Tensor, Tensor, Tensor]:
    """[..., (H + 2 G) E] to q [..., H, E], k and v [..., G, E]; q and k turned by a table of their positions."""
    H, G, E = heads
    q, k, v = (part.unflatten(-1, (-1, E)) for part in packed.split((H * E, G * E, G * E), dim=-1))
    return (q, k, v) if table is None else (turned(q, *table), turned(k, *table), v)


@torch.library.custom_op("dnac::cos_sin", mutates_args=())
def cos_sin(angles: Tensor) -> Table:
    """cos and sin. One operator, so that a compiler makes a table once and not anew wherever it is read."""
    return angles.cos(), angles.sin()


@cos_sin.register_fake
def _(angles: Tensor) -> Table:
    return torch.empty_like(angles), torch.empty_like(angles)


def rotary_table(form: Form, width: int, at: Tensor) -> Table | None:
    """cos and sin at positions [...], in the type of `at` (float32 or wider); None where nothing turns."""
    angles = word("positions", form).angles
    return None if angles is None else cos_sin(angles(form, width, at))


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [..., H, E] with its pairs (i, i + E / 2) turned by tables [..., E / 2], in their type."""
    first, second = x.to(cos.dtype).chunk(2, dim=-1)
    cos, sin = cos[..., None, :], sin[..., None, :]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


def written_out(q: Tensor, k: Tensor, v: Tensor, visible: Tensor) -> Tensor:
    """q [B, Q, H, E], k and v [B, J, G, E], visible [B or 1, Q, J] to [B, Q, H, E].

    The formula itself, in the wider of float32 and the compute type. A query that sees no key gives 0.
    """
    with torch.autocast(q.device.type, enabled=False):
        wide = torch.promote_types(q.dtype, torch.float32)
        group = q.shape[2] // k.shape[2]
        keys, values = (x.to(wide).repeat_interleave(group, dim=2) for x in (k, v))
        scores = torch.einsum("bihe,bjhe->bhij", q.to(wide), keys) * q.shape[-1] ** -0.5
        seen = visible[:, None]
        probs = torch.softmax(scores.masked_fill(~seen, float("-inf")), dim=-1)
        probs = torch.where(seen, probs, 0)
        return torch.einsum("bhij,bjhe->bihe", probs, values).to(v.dtype)


def where_seen(q: Tensor, k: Tensor, v: Tensor, visible: Tensor) -> Tensor:
    """`by_sdpa` for queries of which some see no key: these give 0, as written out."""
    some = visible.any(-1, keepdim=True)
    return torch.where(some[..., None], by_sdpa(q, k, v, visible | ~some), 0) if k.shape[1] else torch.zeros_like(q)


def by_sdpa(q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None, *, causal: bool = False) -> Tensor:
    """The same by torch; `visible` [B or 1, Q, J], or None for every key (no later one if `causal`).

    Each query must see at least one key.
    """
    group = q.shape[2] // k.shape[2]
    if group > 1:
        k, v = k.repeat_interleave(group, dim=2), v.repeat_interleave(group, dim=2)
    mask = None if visible is None else visible[:, None]
    turned = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(*turned, attn_mask=mask, is_causal=causal).transpose(1, 2)
