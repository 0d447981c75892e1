"""scikit-learn's handwritten digits: 1,797 images of 8 x 8 in 10 classes, in the package itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.image_params import ImageParams
from dnac.kinds.base import Params

if TYPE_CHECKING:
    import numpy as np


class _Split(Params):
    split: Literal["train", "valid", "all"]
    """Every fourth image of each class is for validation."""


class DigitsParams(ImageParams, _Split):
    """`digits("train")`. Fields of the last base come first."""


def _open(params: DigitsParams, place: Place) -> Dataset:
    import numpy as np

    from dnac.data import errors
    from dnac.data.pictures import Images, open_pictures
    from dnac.text.diagnostic import Faults

    try:
        import sklearn
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as fault:
        raise Faults(errors.extra_missing("digits", "scikit-learn", "data")) from fault
    found: Any = load_digits()
    pixels, labels = found.images.astype(np.uint8)[..., None], found.target.astype(np.int64)
    held = _held_out(labels)
    keep = {"all": np.ones_like(held), "train": ~held, "valid": held}[params.split]
    return open_pictures(
        Images(
            name=f"digits {params.split}",
            source=f"scikit-learn {sklearn.__version__}, load_digits()",
            licence="CC BY 4.0 (UCI optical recognition of handwritten digits)",
            pixels=pixels[keep],
            labels=labels[keep],
            scale=16.0,
            notes=(f"split {params.split}: every fourth image of each class is for validation",),
        ),
        params,
        place,
    )


def _held_out(labels: np.ndarray) -> np.ndarray:
    import numpy as np

    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        held[np.flatnonzero(labels == label)[3::4]] = True
    return held


DATASET = DatasetKind("digits", "scikit-learn's 1,797 digits of 8 x 8", DigitsParams, accepts="image", open=_open)
