"""The user's own text: a file or a folder, tokenised once into a memory-mapped file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.kinds.base import Params, ShareUnit

_NOT_CONTENT = {"path", "packing", "licence"}


class TextParams(Params):
    """`text("corpus.txt.xz", split = "train", valid = 5%)`."""

    path: str
    """A text or jsonl file (plain, .xz, .gz), or a folder of such files."""
    split: Literal["train", "valid", "all"] = "all"
    """Which part: `valid` is the end of a single document, or some of many."""
    valid: Annotated[float, ShareUnit("the documents, or of a single document")] = Field(default=0.1, gt=0, lt=1)
    """The share that belongs to `valid`."""
    packing: Literal["stream", "documents"] = "stream"
    """Whether a window may span documents."""
    separator: str | None = "<|endoftext|>"
    """The line that ends a document in a text file."""
    field: str = "text"
    """The field of a jsonl record that holds the text."""
    pattern: str = "*.txt"
    """Which files of a folder."""
    licence: str = "not stated"
    """Printed on the card."""


def _open(params: TextParams, place: Place) -> Dataset:
    from dnac.data.corpus import Corpus, open_corpus
    from dnac.data.documents import files_of, read_documents, split_documents
    from dnac.data.files import locate, sha256_of

    path = locate(params.path, place.root)
    files = files_of(path, params.pattern)
    documents = (d for f in files for d in read_documents(f, separator=params.separator, field=params.field))
    return open_corpus(
        Corpus(
            name=f"text {params.path}",
            source=params.path,
            licence=params.licence,
            key=("text", params.model_dump(exclude=_NOT_CONTENT), [[f.name, sha256_of(f)] for f in files]),
            documents=lambda: split_documents(documents, params.split, params.valid),
            notes=(f"split {params.split}, {params.valid:.0%} for validation",) if params.split != "all" else (),
        ),
        place,
        params.packing,
    )


DATASET = DatasetKind("text", "a text or jsonl file (plain, .xz, .gz) or a folder of them", TextParams, open=_open)
