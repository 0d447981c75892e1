"""What data is to the rest: batches in an order that an integer position alone can resume.

A position counts samples consumed since the start of the run. The sample at a position depends on
(data seed, position) and nothing else, so a run that stops after any sample goes on exactly there,
and within an epoch every sample comes once. Nothing here imports torch or numpy: data set files
are words of the language and are imported by the front end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dnac.ir.form import Form
from dnac.kinds.base import Kind

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

IGNORED = -100
"""A target that is not scored: padding after the end of a text."""


class Batch(NamedTuple):
    """Some samples, on the CPU."""

    inputs: Tensor
    """[B, T] token ids (int64), or [B, height, width, channels] normalised pixels (float32)."""
    targets: Tensor
    """[B, T] next token ids with `IGNORED` after the end of a text, or [B] labels (int64)."""
    samples: Tensor
    """[B] number of each sample within the data set (int64); draws of random numbers use it."""


@dataclass(frozen=True)
class Card:
    """Where data comes from: saved with a run and printed beside its figures."""

    name: str
    source: str
    """Files or package, with the version that decides the content."""
    licence: str
    size: str
    """In words: `1.2 M tokens in 3 documents`, `1,347 images of 8 x 8 x 1`."""
    sha256: str
    """Of the samples as the net sees them, before augmentation."""
    notes: tuple[str, ...] = ()
    """What a reader of a figure must know: the split, the normalisation, lossy storage."""


class Dataset(Protocol):
    """Samples of one split."""

    card: Card
    fingerprint: str
    """`card.sha256`: equal for equal samples on any machine."""
    samples: int
    """Samples in an epoch."""
    length_tokens: int
    """Targets in an epoch: tokens for text, images for images."""
    bytes_per_token: float | None
    """Bytes of text for one token, over the whole split; None where there is no text."""

    def batches(self, batch_size: int, seed: int, position: int = 0) -> Iterator[Batch]:
        """Batches for training, without end, from `position` samples after the start of the run."""
        ...

    def sequential(self, batch_size: int) -> Iterator[Batch]:
        """The whole split once, in order, not augmented; the last batch may hold fewer samples."""
        ...


class Tokenizer(Protocol):
    """Text to ids and back."""

    size: int
    """Ids are below this."""
    end: int | None
    """The id that ends a document, or None."""
    fingerprint: str
    """Equal for tokenizers that give equal ids; part of the name of cached token files."""

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, int64, without an end-of-document id."""
        ...

    def decode(self, ids: Iterable[int]) -> bytes:
        """The text of ids, as bytes: a sequence may end within a character."""
        ...


@dataclass(frozen=True)
class Place:
    """What a data set is opened for and from."""

    input: Form
    """The net's `text{context, vocabulary, tokenizer}` or `image{size, channels, classes}`."""
    root: Path
    """Folder of the spec file, to which paths in it are relative."""
    cache: Path | None = None
    """Folder for tokenised text and decoded images; None for the user's own cache folder."""


@dataclass(frozen=True, eq=False)
class DatasetKind(Kind):
    """A word that may stand at `data =` and `valid =`."""

    accepts: str = "text"
    """`text` or `image`: the inputs it can feed."""
    open: Callable[[Any, Place], Dataset] | None = None
    """Raises Faults with a DNA6xx diagnostic where the data cannot be used."""


@dataclass(frozen=True, eq=False)
class TokenizerKind(Kind):
    """A word that may stand at `tokenizer =` of a text input."""

    open: Callable[[Any, Path], Tokenizer] | None = None
    """(params, root); raises Faults where the file cannot be used."""
