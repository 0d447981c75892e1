"""Hugging Face `datasets`: streamed once, tokenised on the way into memory-mapped files.

The raw text is never stored. What is stored is 2 bytes a token, and gives exact positions, exact
resuming and a hash, which a stream does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.kinds.base import Params, ShareUnit

_LOADERS = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv", ".arrow": "arrow"}


class HfParams(Params):
    """`hf("HuggingFaceFW/fineweb-edu", name = "sample-10BT", documents = 100k)` or `hf("shards/")`."""

    path: str
    """A file or folder of parquet, jsonl, csv or arrow files, else a name on the hub."""
    name: str | None = None
    """Configuration on the hub."""
    split: str = "train"
    """Split as the data set itself names it."""
    field: str = "text"
    """Column of text."""
    revision: str | None = None
    """Commit on the hub; a figure needs it to be repeated."""
    documents: int | None = Field(default=None, gt=0)
    """Documents to take at most, from the start."""
    part: Literal["train", "valid", "all"] = "all"
    """Which documents: `valid` are those whose hash, as a fraction, is below the share `valid`."""
    valid: Annotated[float, ShareUnit("the documents")] = Field(default=0.1, gt=0, lt=1)
    """The share that belongs to `valid`."""
    packing: Literal["stream", "documents"] = "stream"
    """Whether a window may span documents."""
    licence: str = "not stated"
    """Printed on the card."""


_NOT_CONTENT = {"path", "packing", "licence"}


def _open(params: HfParams, place: Place) -> Dataset:
    from dnac.data.corpus import Corpus, open_corpus
    from dnac.data.files import sha256_of

    here = place.root / Path(params.path).expanduser()
    files = _files(here) if here.exists() else []
    source = [[f.name, sha256_of(f)] for f in files] or params.path
    pinned = files or params.revision
    return open_corpus(
        Corpus(
            name=f"hf {params.path}",
            source=params.path,
            licence=params.licence,
            key=("hf", source, params.model_dump(exclude=_NOT_CONTENT)),
            documents=lambda: _documents(params, files),
            notes=() if pinned else ("no revision is pinned: the hub may give other text another day",),
        ),
        place,
        params.packing,
    )


def _files(here: Path) -> list[Path]:
    found = [here] if here.is_file() else sorted(here.rglob("*"))
    kept = [f for f in found if f.suffix in _LOADERS]
    return [f for f in kept if f.suffix == kept[0].suffix]


def _documents(params: HfParams, files: list[Path]) -> Iterator[str]:
    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    rows = _rows(params, files)
    for count, row in enumerate(rows):
        if params.documents is not None and count == params.documents:
            return
        text = row.get(params.field)
        if not isinstance(text, str):
            raise Faults(errors.column_missing(params.path, params.field, sorted(row)))
        if _belongs(text, params):
            yield text


def _belongs(text: str, params: HfParams) -> bool:
    if params.part == "all":
        return True
    fraction = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    return (fraction < params.valid) == (params.part == "valid")


def _rows(params: HfParams, files: list[Path]) -> Iterator[dict[str, Any]]:
    """Rows of a stream; a fault of the package, of the hub or of the way there is one diagnostic."""
    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    try:
        import datasets
        from datasets.exceptions import DatasetsError  # pyright: ignore[reportMissingImports] - an extra
        from huggingface_hub.errors import HfHubHTTPError
    except ModuleNotFoundError as fault:
        raise Faults(errors.extra_missing("hf", fault.name or "datasets", "hf")) from fault
    try:
        yield from _stream(datasets, params, files)
    except (OSError, ValueError, KeyError, RuntimeError, DatasetsError, HfHubHTTPError) as fault:
        reason = str(fault).strip().splitlines()
        raise Faults(
            errors.source_missing(f"hf {params.path}", reason[0] if reason else type(fault).__name__)
        ) from fault


def _stream(datasets: Any, params: HfParams, files: list[Path]) -> Any:
    if files:
        loader, paths = _LOADERS[files[0].suffix], [str(f) for f in files]
        return datasets.load_dataset(loader, data_files=paths, split="train", streaming=True)
    return datasets.load_dataset(params.path, params.name, split=params.split, revision=params.revision, streaming=True)


DATASET = DatasetKind("hf", "text of Hugging Face datasets, from the hub or local files", HfParams, open=_open)
