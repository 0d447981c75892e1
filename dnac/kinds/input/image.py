"""`image`: images of one size, channels last, and a class for each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dnac.kinds.base import InputKind, Params

Pixels = Annotated[int, Field(gt=0)]


class ImageParams(Params):
    """Arguments of `image`."""

    size: tuple[Pixels, Pixels]
    """Height and width in pixels."""
    channels: int = Field(gt=0)
    """Values per pixel: 1 for grey, 3 for colour."""
    classes: int = Field(gt=0)
    """The number of classes; also the number of logits."""


KIND = InputKind(
    name="image",
    summary="Images [B, height, width, channels]; the head predicts a class.",
    Params=ImageParams,
    outputs=lambda params: params.classes,
)
