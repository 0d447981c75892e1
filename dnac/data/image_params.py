"""Arguments that all data sets of images share; free of torch and numpy."""

from __future__ import annotations

from pydantic import Field

from dnac.kinds.base import Params


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
