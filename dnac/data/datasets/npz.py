"""NumPy archives: arrays of images and labels, or JPEG pictures packed with shared headers.

A packed archive holds `header` and `body` (bytes), `header_offset`, `header_id`, `offset`, `label`:
picture i is header[header_offset[h] : header_offset[h + 1]] with h = header_id[i], followed by
body[offset[i] : offset[i + 1]].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.image_params import ImageParams, SplitParams
from dnac.kinds.base import Params

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from dnac.data.decode import Picture

_IMAGES = ("images", "x", "pixels", "data", "X", "x_train", "arr_0")
_LABELS = ("labels", "label", "y", "target", "Y", "y_train", "arr_1")
_PACKED = {"header", "header_offset", "header_id", "body", "offset", "label"}


class _File(Params):
    path: str
    """The .npz file."""
    images: str | None = None
    """Name of the array of images; by default the first usual name."""
    labels: str | None = None
    """Name of the array of labels; by default the first usual name."""


class NpzParams(ImageParams, SplitParams, _File):
    """`npz("cifar.npz")`. Fields of the last base come first."""


def _open(params: NpzParams, place: Place) -> Dataset:
    from dnac.data.arrays import read_npz
    from dnac.data.files import locate
    from dnac.data.pictures import Images, open_pictures, paired

    path = locate(params.path, place.root)
    arrays = read_npz(path)
    packed = set(arrays) >= _PACKED
    found = _unpack(path, arrays, params, place) if packed else _named(path, arrays, params)
    pixels, labels = paired(f"npz {params.path}", *found)
    notes = ("stored as JPEG: lossy",) if packed else ()
    scale = 1.0 if pixels.dtype.kind == "f" else 65535.0 if pixels.dtype.itemsize == 2 else 255.0
    images = Images(f"npz {params.path}", params.path, params.licence, pixels, labels, scale, notes)
    return open_pictures(images, params, place)


def _named(path: Path, arrays: Mapping[str, np.ndarray], params: NpzParams) -> tuple[np.ndarray, np.ndarray]:
    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    found: list[np.ndarray] = []
    for asked, usual in ((params.images, _IMAGES), (params.labels, _LABELS)):
        name = asked or next((n for n in usual if n in arrays), usual[0])
        if name not in arrays:
            raise Faults(errors.array_missing(path, name, sorted(arrays)))
        found.append(arrays[name])
    return found[0], found[1]


def _unpack(
    path: Path, arrays: Mapping[str, np.ndarray], params: NpzParams, place: Place
) -> tuple[np.ndarray, np.ndarray]:
    from dnac.data import cache
    from dnac.data.decode import Frame, decoded
    from dnac.data.files import sha256_of
    from dnac.data.pictures import frame_of

    frame = Frame(*frame_of(place.input, params))
    key = cache.key_of("npz", sha256_of(path), vars(frame))
    return decoded(_pictures(path, arrays), frame, key, place.cache), arrays["label"]


def _pictures(path: Path, arrays: Mapping[str, np.ndarray]) -> Iterator[Picture]:
    from dnac.data import errors
    from dnac.data.decode import Picture
    from dnac.text.diagnostic import Faults

    headers, bodies = arrays["header"].tobytes(), arrays["body"].tobytes()
    starts, cuts, which = (arrays[k].tolist() for k in ("header_offset", "offset", "header_id"))
    if len(cuts) != len(which) + 1 or (which and not 0 <= min(which) <= max(which) < len(starts) - 1):
        raise Faults(errors.file_damaged(path, "its offsets do not fit its pictures"))
    for i, h in enumerate(which):
        picture = headers[starts[h] : starts[h + 1]] + bodies[cuts[i] : cuts[i + 1]]
        yield Picture(f"{path} (picture {i})", picture)


DATASET = DatasetKind(
    "npz", "NumPy archives of images, as arrays or packed JPEG", NpzParams, accepts="image", open=_open
)
