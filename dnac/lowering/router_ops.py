"""What a score, a view, noise or a choice may ask for at one routing step (`kinds.ops.RouterOps`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dnac.lowering import draws
from dnac.lowering.exact import exact_product, narrow_product
from dnac.lowering.frame import Frame

if TYPE_CHECKING:
    from dnac.lowering.routing import Given


@dataclass(frozen=True)
class StepOps:
    """`RouterOps` of one routing step."""

    frame: Frame
    given: Given
    candidates: int
    wide: Tensor | None = None
    """The view, where `narrow` holds the same values in bfloat16."""
    narrow: Tensor | None = None

    @property
    def training(self) -> bool:
        """Whether the net trains."""
        return self.frame.training

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """x [..., D] by weight [D, M], exactly."""
        if self.narrow is not None and x is self.wide:
            return narrow_product(self.narrow, weight)
        return exact_product(x, weight)

    def linear_by(self, x: Tensor, weights: Tensor, which: Tensor) -> Tensor:
        """Each token by a matrix of its own."""
        # every matrix on every token, then each token's own: one product, static shapes, the same on every machine
        of_all = self.linear(x, weights.permute(1, 0, 2).flatten(1)).unflatten(-1, (weights.shape[0], -1))
        own = which[..., None, None].expand(*which.shape, 1, weights.shape[-1])
        return torch.gather(of_all, -2, own)[..., 0, :]

    def turn(self) -> Tensor | int:
        """How often the router was used before."""
        return self.given.turn

    def last(self) -> Tensor:
        """[B, T] the candidate just left; one more than there are where none was."""
        if self.given.last is None:
            raise ValueError("nothing is carried here")
        return torch.where(self.given.last < 0, self.candidates, self.given.last)

    def before(self) -> Tensor | None:
        """The stream at the halting step before."""
        return self.given.before

    def logits(self, x: Tensor) -> Tensor:
        """[B, T, V] of the score's head."""
        if self.given.logits is None:
            raise ValueError("no head is given here")
        return self.given.logits(x)

    def token_ids(self) -> Tensor:
        """[B, T] ids, or positions of an image."""
        return self.frame.token_ids()

    def uniform(self, last: int, purpose: str) -> Tensor:
        """[B, T, last] drawn for this step."""
        where = self.frame.samples[:, None, None], self.frame.positions()[:, None]
        index = torch.arange(last, device=self.frame.inputs.device)
        return self.frame.uniform(self.given.site, draws.name_word(purpose), *where, index)
