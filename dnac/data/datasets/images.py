"""A folder of pictures: one folder for each class, in order of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.image_params import ImageParams, SplitParams
from dnac.kinds.base import Params

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


class _Folder(Params):
    folder: str
    """Holds one folder for each class; their names in order are labels 0, 1, ..."""
    resize: bool = False
    """Scale each picture so that the shorter side fits, and cut the middle out."""


class ImagesParams(ImageParams, SplitParams, _Folder):
    """`images("photos", resize = true)`. Fields of the last base come first."""


def _open(params: ImagesParams, place: Place) -> Dataset:
    import numpy as np

    from dnac.data import cache, errors
    from dnac.data.decode import Frame, Picture, decoded
    from dnac.data.files import locate, sha256_of
    from dnac.data.pictures import Images, classes_of, frame_of, open_pictures
    from dnac.text.diagnostic import Faults

    root = locate(params.folder, place.root)
    classes = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(classes) > classes_of(place.input):
        raise Faults(errors.class_names_differ(params.folder, len(classes), classes_of(place.input)))
    found = [(path, label) for label, name in enumerate(classes) for path in _pictures(root / name)]
    frame = Frame(*frame_of(place.input, params), resize=params.resize)
    key = cache.key_of("images", [[sha256_of(path), label] for path, label in found], vars(frame))
    images = Images(
        name=f"images {params.folder}",
        source=params.folder,
        licence=params.licence,
        pixels=decoded((Picture(str(path), path) for path, _ in found), frame, key, place.cache),
        labels=np.array([label for _, label in found], np.int64),
        notes=("classes " + ", ".join(classes),),
    )
    return open_pictures(images, params, place)


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)


DATASET = DatasetKind(
    "images", "a folder of pictures, one folder for each class", ImagesParams, accepts="image", open=_open
)
