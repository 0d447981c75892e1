"""`predictor(score, loss)`: foresees from the token itself whether a module takes it (arXiv 2404.02258, section 3.5).

A score of its own over the candidates, trained by binary cross-entropy on who was taken, beside the
network: it reads the stream without gradient, so nothing that the network learns depends on it.
While generating, and in evaluation as generated, a module takes a token where its score is above 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form, form
from dnac.kinds.base import From, Params
from dnac.kinds.limits import DecodeKind
from dnac.kinds.params import NORMAL

if TYPE_CHECKING:
    from torch import Tensor


class PredictorParams(Params):
    """Arguments of `predictor`."""

    score: Annotated[Form, From("score")] = form("linear", init=NORMAL, per=None)
    """How it scores the candidates."""
    loss: float = Field(default=0.01, gt=0)
    """Factor of its binary cross-entropy in the training loss."""


def loss(params: PredictorParams, scores: Tensor, taken: Tensor) -> Tensor:
    """Scores [B, T, K] and who was taken [B, T, K] to a scalar."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return params.loss * binary_cross_entropy_with_logits(scores, taken.to(scores.dtype))


KIND = DecodeKind(
    name="predictor",
    summary="Foresees whether a module takes a token, trained beside the network (arXiv 2404.02258, section 3.5).",
    Params=PredictorParams,
    score=lambda params: params.score,
    loss=loss,
)
