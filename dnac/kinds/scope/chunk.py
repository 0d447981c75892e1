"""`chunk(n, by)`: one decision for every n tokens that stand together: 0 to n-1, n to 2n-1, and so on.

By `first` the scores of the chunk's first token hold for all of it, so a decision reads nothing behind the place
where it begins to act, and a text net stays causal. By `mean` the mean of the chunk's scores holds, as in
`sequence`, and a text net must say `assert not_causal(label)`. Tokens that have left neither decide nor count: the
first is the first that is still here. The last chunk may be shorter. Places are those of the window that is read: a
text past its context begins a new count. (Lory, arXiv 2405.03133, decides by the segment before.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dnac.kinds.base import Params
from dnac.kinds.scopes import ScopeKind

if TYPE_CHECKING:
    from torch import Tensor


class ChunkParams(Params):
    """Arguments of `chunk`."""

    n: Annotated[int, Field(ge=2)]
    """Tokens, or patches of an image row by row, that share a decision."""
    by: Literal["first", "mean"] = "first"
    """Whose scores decide: those of the first token, or the mean of all, which looks at later tokens."""


def pool(params: ChunkParams, scores: Tensor, here: Tensor | None) -> Tensor:
    """[B, T, M] to scores that are alike for the tokens of a chunk."""
    import torch

    chunk = torch.arange(scores.shape[1], device=scores.device) // params.n
    here = scores.new_ones(scores.shape[:2], dtype=torch.bool) if here is None else here
    if params.by == "mean":
        return _means(scores, here, params.n).index_select(1, chunk)
    pieces = _pieces(here, params.n)
    first = pieces.int().argmax(-1) + torch.arange(pieces.shape[1], device=scores.device) * params.n
    return torch.gather(scores, 1, first[:, chunk, None].expand_as(scores))


def _means(scores: Tensor, here: Tensor, n: int) -> Tensor:
    """[B, C, M]: the mean of each chunk over the tokens that are here; 0 where none is."""
    import torch

    kept = torch.where(here[..., None], scores, 0.0)
    total = _pieces(kept.movedim(-1, 1), n).sum(-1).movedim(1, -1)
    return total / _pieces(here, n).sum(-1).clamp(min=1)[..., None]


def _pieces(x: Tensor, n: int) -> Tensor:
    """[..., T] to [..., C, n], zeros or False behind the end."""
    import torch

    return torch.nn.functional.pad(x, (0, -x.shape[-1] % n)).unflatten(-1, (-1, n))


KIND = ScopeKind(
    name="chunk",
    summary="One decision for every n tokens, by the scores of the first of them or, looking ahead, by their mean.",
    Params=ChunkParams,
    pool=pool,
    is_causal=lambda params: params.by == "first",
)
