"""Compressed pictures to pixels, once, into a memory-mapped file. H height, W width, C channels."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dnac.data import cache, errors
from dnac.text.diagnostic import Faults


@dataclass(frozen=True)
class Picture:
    """One compressed picture and the name under which a fault is reported."""

    name: str
    source: Path | bytes


@dataclass(frozen=True)
class Frame:
    """What every picture becomes."""

    height: int
    width: int
    channels: int
    resize: bool = False
    """Scale so that the shorter side fits, and cut the middle out; else another size is a fault."""


def decoded(pictures: Iterable[Picture], frame: Frame, key: str, where: Path | None) -> np.ndarray:
    """[n, H, W, C] uint8, from the cache where `key` is in it.

    Raises:
        Faults: DNA621 for a damaged picture, DNA625 for one of another size, DNA628 without Pillow.
    """
    path, facts = cache.entry(cache.folder(where), key, lambda draft: _write(draft, pictures, frame))
    shape = (int(str(facts["images"])), frame.height, frame.width, frame.channels)
    return np.memmap(path / "pixels.bin", np.uint8, "r", shape=shape) if shape[0] else np.zeros(shape, np.uint8)


def _write(draft: Path, pictures: Iterable[Picture], frame: Frame) -> dict[str, object]:
    count = 0
    with (draft / "pixels.bin").open("wb") as stream:
        for picture in pictures:
            stream.write(_pixels(picture, frame).tobytes())
            count += 1
    return {"images": count}


def _pixels(picture: Picture, frame: Frame) -> np.ndarray:
    try:
        from PIL import Image
    except ModuleNotFoundError as fault:
        raise Faults(errors.extra_missing("images", "pillow", "data")) from fault
    try:
        source = io.BytesIO(picture.source) if isinstance(picture.source, bytes) else picture.source
        with Image.open(source) as opened:
            found = _fitted(picture.name, opened, frame)
            return np.asarray(found, np.uint8).reshape(frame.height, frame.width, frame.channels)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise Faults(errors.file_damaged(Path(picture.name), str(fault))) from fault


def _fitted(name: str, opened: Any, frame: Frame) -> Any:
    """The size stands in the header: a picture of another size is refused before it is decoded."""
    from PIL import ImageOps

    wanted = (frame.width, frame.height)
    if opened.size != wanted and not frame.resize:
        found = (opened.size[1], opened.size[0], frame.channels)
        asked = (frame.height, frame.width, frame.channels)
        raise Faults(errors.size_mismatch(name, found, asked, "set resize = true, or change the input's size"))
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[frame.channels]
    fitted = opened.convert(mode)
    return fitted if fitted.size == wanted else ImageOps.fit(fitted, wanted)
