"""Arguments that all data sets of images share; free of torch and numpy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dnac.kinds.base import Params, ShareUnit


class ImageParams(Params):
    """Normalisation, padding and augmentation. `data` and `valid` must normalise alike."""

    mean: float | tuple[float, ...] = 0.5
    """Subtracted from pixels scaled to 0..1: one number, or one per channel."""
    std: float | tuple[float, ...] = 0.5
    """What they are then divided by."""
    pad: int = Field(default=0, ge=0)
    """Black pixels added on each side."""
    shift: int = Field(default=0, ge=0)
    """Pixels by which a training image is moved at most, both ways."""
    flip: bool = False
    """Whether training images are mirrored left to right, half of them."""


class SplitParams(Params):
    """For files that hold both training and validation images."""

    split: Literal["train", "valid", "all"] = "all"
    """Which part; an image belongs to `valid` where its hash is among the lowest."""
    valid: Annotated[float, ShareUnit("the images")] = Field(default=0.1, gt=0, lt=1)
    """The share that belongs to `valid`."""
    licence: str = "not stated"
    """Printed on the card."""
