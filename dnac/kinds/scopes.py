"""Kinds that say for whom a router decides once: each token, a sequence, a batch, or all inputs alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnac.kinds.base import Kind

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class ScopeKind(Kind):
    """For whom one decision is made.

    pool(params, scores [B, T, M], here [B, T] bool or None) -> [B, T, M]: scores that are alike for all that share a
        decision, from the tokens that are here (None: all are); None: each token has its own.
    """

    pool: Callable[[Any, Tensor, Tensor | None], Tensor] | None = None
    is_one: bool = False
    """Whether one decision holds for all inputs, so that scores may not depend on any."""
    is_causal: bool | Callable[[Any], bool] = True
    is_row_independent: bool = True
