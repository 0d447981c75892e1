"""Images and labels as bytes without a header; the size is the net's input less the padding."""

from __future__ import annotations

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.image_params import ImageParams, SplitParams
from dnac.kinds.base import Params


class _Files(Params):
    images: str
    """File of pixels, uint8 [n, height, width, channels], plain, .xz or .gz."""
    labels: str
    """File of labels, uint8 [n], plain, .xz or .gz."""


class RawParams(ImageParams, SplitParams, _Files):
    """`raw("images-28x28.xz", "labels.bin")`. Fields of the last base come first."""


def _open(params: RawParams, place: Place) -> Dataset:
    from dnac.data.arrays import read_raw
    from dnac.data.files import locate
    from dnac.data.pictures import Images, frame_of, open_pictures, paired

    first, second = (locate(p, place.root) for p in (params.images, params.labels))
    shape = frame_of(place.input, params)
    pixels, labels = paired(f"raw {params.images}", read_raw(first, shape), read_raw(second, ()))
    images = Images(f"raw {params.images}", f"{params.images}, {params.labels}", params.licence, pixels, labels)
    return open_pictures(images, params, place)


DATASET = DatasetKind("raw", "images and labels as bytes without a header", RawParams, accepts="image", open=_open)
