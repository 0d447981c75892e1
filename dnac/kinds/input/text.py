"""`text`: sequences of token ids, in a causal order."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import From, InputKind, Params


class TextParams(Params):
    """Arguments of `text`."""

    context: int = Field(gt=0)
    """T, tokens per sequence."""
    vocabulary: int = Field(gt=0)
    """V, the number of token ids; also the number of logits."""
    tokenizer: Annotated[Form, From("tokenizer")] | None = None
    """How text becomes ids. Unsaid: bytes, or what the data set says."""


KIND = InputKind(
    name="text",
    summary="Token ids [B, T], in a causal order; the head predicts the next one.",
    Params=TextParams,
    causal=True,
    outputs=lambda params: params.vocabulary,
)
