"""Images of one size with their labels, normalised, and shifted or mirrored while training.

B batch, H height, W width, C channels. Pixels stay in their stored type until a batch is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from dnac.data import cache, errors
from dnac.data.base import Batch, Card, Place
from dnac.data.image_params import ImageParams, SplitParams
from dnac.data.order import draws, order
from dnac.ir.form import Form
from dnac.text.diagnostic import Faults

_DOWN, _RIGHT, _MIRROR = 2, 3, 4


@dataclass(frozen=True)
class Images:
    """What a file gave: `pixels` [n, H, W, C] of any number type, `labels` [n], white as `scale`."""

    name: str
    source: str
    licence: str
    pixels: np.ndarray
    labels: np.ndarray
    scale: float = 255.0
    notes: tuple[str, ...] = ()


class Pictures:
    """x = (pixel / scale - mean) / std, per channel."""

    bytes_per_token: float | None = None

    def __init__(self, images: Images, params: ImageParams) -> None:
        self._images, self._params = images, params
        self._mean, self._std = (np.asarray(v, np.float32) for v in (params.mean, params.std))
        self.samples = self.length_tokens = len(images.labels)
        size = " x ".join(map(str, images.pixels.shape[1:]))
        mean, std = _shown(params.mean), _shown(params.std)
        self.normalisation = f"(pixel / {images.scale:g} - {mean}) / {std}, pad {params.pad}"
        self.fingerprint = _hash(images, params)
        notes = (*images.notes, f"x = {self.normalisation}")
        shown = f"{self.samples:,} images of {size}"
        self.card = Card(images.name, images.source, images.licence, shown, self.fingerprint, notes)

    def batches(self, batch_size: int, seed: int, position: int = 0) -> Iterator[Batch]:
        """Batches without end from `position` samples after the start of the run, augmented."""
        while True:
            turns = np.arange(position, position + batch_size)
            epochs, turns = turns // self.samples, turns % self.samples
            parts: list[np.ndarray] = []
            samples = np.empty(batch_size, np.int64)
            for epoch in np.unique(epochs):
                here = epochs == epoch
                samples[here] = order(seed, int(epoch), turns[here], self.samples)
                parts.append(self._augment(self._padded(samples[here]), seed, int(epoch), samples[here]))
            yield self._batch(np.concatenate(parts), samples)
            position += batch_size

    def sequential(self, batch_size: int) -> Iterator[Batch]:
        """All images once, as they are."""
        for first in range(0, self.samples, batch_size):
            samples = np.arange(first, min(first + batch_size, self.samples))
            yield self._batch(self._padded(samples), samples)

    def _padded(self, samples: np.ndarray) -> np.ndarray:
        rim = self._params.pad
        return np.pad(self._images.pixels[samples], ((0, 0), (rim, rim), (rim, rim), (0, 0)))

    def _augment(self, x_BHWC: np.ndarray, seed: int, epoch: int, samples: np.ndarray) -> np.ndarray:
        """Moved by up to `shift` pixels, the rim repeated, and mirrored with probability 1/2."""
        if reach := self._params.shift:
            x_BHWC = _moved(x_BHWC, reach, *(draws(seed, epoch, way, samples) for way in (_DOWN, _RIGHT)))
        if self._params.flip:
            mirrored = (draws(seed, epoch, _MIRROR, samples) & np.uint64(1)).astype(bool)
            x_BHWC = np.where(mirrored[:, None, None, None], x_BHWC[:, :, ::-1], x_BHWC)
        return x_BHWC

    def _batch(self, x_BHWC: np.ndarray, samples: np.ndarray) -> Batch:
        import torch

        x = (x_BHWC.astype(np.float32) / np.float32(self._images.scale) - self._mean) / self._std
        labels = self._images.labels[samples].astype(np.int64)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (x, labels, samples)))


def open_pictures(images: Images, params: ImageParams, place: Place) -> Pictures:
    """Check images and labels against the net's input, and keep the split that is asked for.

    Raises:
        Faults: DNA622 none, DNA623 a label, DNA625 the size, DNA631 their numbers.
    """
    if len(images.pixels) != len(images.labels):
        raise Faults(errors.counts_differ(images.name, len(images.pixels), len(images.labels)))
    if not len(images.labels):
        raise Faults(errors.no_images(images.name))
    _check_size(images, params, size_of(place.input))
    _check_labels(images, classes_of(place.input))
    if isinstance(params, SplitParams):
        images = _split(images, params.split, params.valid)
    if not len(images.labels):
        raise Faults(errors.no_images(images.name))
    return Pictures(images, params)


def paired(name: str, pixels: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[n, H, W, C] and [n] int64 from arrays as files hold them; a grey image may lack its channel.

    Raises:
        Faults: DNA625, they are no images and labels.
    """
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or labels.ndim != 1 or pixels.dtype.kind not in "uif" or labels.dtype.kind not in "ui":
        raise Faults(errors.not_pictures(name, pixels.shape, labels.shape))
    return pixels, labels.astype(np.int64)


def size_of(input: Form) -> tuple[int, int, int]:
    """Height, width and channels of an image input."""
    size, channels = input["size"], input["channels"]
    height, width = size if isinstance(size, tuple) else (size, size)
    assert isinstance(height, int) and isinstance(width, int) and isinstance(channels, int)
    return height, width, channels


def frame_of(input: Form, params: ImageParams) -> tuple[int, int, int]:
    """Height, width and channels of the images themselves: the input's, less the padding."""
    height, width, channels = size_of(input)
    if params.pad * 2 >= min(height, width):
        raise Faults(errors.pad_too_large(params.pad, (height, width, channels)))
    return height - 2 * params.pad, width - 2 * params.pad, channels


def classes_of(input: Form) -> int:
    """Number of classes of an image input."""
    classes = input["classes"]
    assert isinstance(classes, int)
    return classes


def _split(images: Images, split: str, share: float) -> Images:
    """The images of one split: those with the lowest hashes are for validation, equal ones on one side."""
    if split == "all":
        return images
    hashes = np.array([sha256(np.ascontiguousarray(x).tobytes()).digest()[:8] for x in images.pixels]).view(">u8")
    held = hashes <= np.sort(hashes)[max(1, round(share * len(hashes))) - 1]
    keep = held if split == "valid" else ~held
    notes = (*images.notes, f"split {split}, {share:.0%} for validation")
    return replace(images, pixels=images.pixels[keep], labels=images.labels[keep], notes=notes)


def _check_size(images: Images, params: ImageParams, wanted: tuple[int, int, int]) -> None:
    height, width, channels = images.pixels.shape[1:]
    found = (height + 2 * params.pad, width + 2 * params.pad, channels)
    if found != wanted:
        raise Faults(errors.size_mismatch(images.name, found, wanted, _size_help(found, wanted, params.pad)))
    for values in (params.mean, params.std):
        if isinstance(values, tuple) and len(values) not in (1, channels):
            raise Faults(errors.per_channel(images.name, len(values), channels))


def _size_help(found: tuple[int, int, int], wanted: tuple[int, int, int], pad: int) -> str:
    room = wanted[0] - found[0]
    if room > 0 and room % 2 == 0 and wanted[1] - found[1] == room and wanted[2] == found[2]:
        return f"set pad = {pad + room // 2} in the data set"
    return f"set image([{found[0]}, {found[1]}], channels = {found[2]}, ...) as the input"


def _check_labels(images: Images, classes: int) -> None:
    wrong = np.flatnonzero((images.labels < 0) | (images.labels >= classes))
    if len(wrong):
        sample = int(wrong[0])
        raise Faults(errors.label_out_of_range(images.name, int(images.labels[sample]), sample, classes))


def _moved(x_BHWC: np.ndarray, reach: int, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    count, height, width = x_BHWC.shape[:3]
    span = np.uint64(2 * reach + 1)
    rows = np.arange(height) + (down % span).astype(np.int64)[:, None] - reach
    columns = np.arange(width) + (right % span).astype(np.int64)[:, None] - reach
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    return x_BHWC[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _hash(images: Images, params: ImageParams) -> str:
    digest = sha256()
    for first in range(0, len(images.labels), 4096):
        digest.update(np.ascontiguousarray(images.pixels[first : first + 4096]).tobytes())
    digest.update(np.asarray(images.labels, "<i8").tobytes())
    shape = (images.pixels.shape, str(images.pixels.dtype), images.scale, params.mean, params.std, params.pad)
    return cache.key_of(digest.hexdigest(), *shape)


def _shown(value: float | tuple[float, ...]) -> str:
    return f"[{', '.join(f'{v:g}' for v in value)}]" if isinstance(value, tuple) else f"{value:g}"
