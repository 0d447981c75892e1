"""The two files of MNIST and its kin: images and labels in the idx format."""

from __future__ import annotations

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.image_params import ImageParams, SplitParams
from dnac.kinds.base import Params


class _Files(Params):
    images: str
    """File of images [n, height, width] or [n, height, width, channels], plain, .xz or .gz."""
    labels: str
    """File of labels [n], plain, .xz or .gz."""


class IdxParams(ImageParams, SplitParams, _Files):
    """`idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")`. Fields of the last base come first."""


def _open(params: IdxParams, place: Place) -> Dataset:
    from dnac.data.arrays import read_idx
    from dnac.data.files import locate
    from dnac.data.pictures import Images, open_pictures, paired

    first, second = (locate(p, place.root) for p in (params.images, params.labels))
    pixels, labels = paired(f"idx {params.images}", read_idx(first), read_idx(second))
    source = f"{params.images}, {params.labels}"
    images = Images(f"idx {params.images}", source, params.licence, pixels, labels)
    return open_pictures(images, params, place)


DATASET = DatasetKind("idx", "images and labels in MNIST's idx format", IdxParams, accepts="image", open=_open)
