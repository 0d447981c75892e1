"""Hugging Face `datasets`, offline, on local files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dnac.data import Dataset
from dnac.ir.form import Form, form
from dnac.text.diagnostic import Diagnostic
from inputs import text_input

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
Open = Callable[[Form, Form], Dataset]
TEXTS = [f"document {i} says {'na' * i}" for i in range(30)]


@pytest.fixture(autouse=True)
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parquet files in `shards`, and no way to the hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets")
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "shards").mkdir()
    for number, texts in enumerate((TEXTS[:20], TEXTS[20:])):
        table = pyarrow.table({"text": texts, "n": list(range(len(texts)))})
        pyarrow.parquet.write_table(table, tmp_path / "shards" / f"{number}.parquet")


def text_of(data: Dataset) -> bytes:
    """The whole text of a byte-level data set."""
    return bytes(data.store.tokens.tolist())  # type: ignore[attr-defined]


def test_local_parquet_is_streamed_in_order(opened: Open) -> None:
    data = opened(form("hf", path="shards"), text_input(tokenizer=form("bytes", end=0)))
    assert text_of(data).split(b"\0")[:-1] == [t.encode() for t in TEXTS]


def test_documents_can_be_limited(opened: Open) -> None:
    data = opened(form("hf", path="shards", documents=3), text_input(tokenizer=form("bytes", end=0)))
    assert text_of(data).count(b"\0") == 3


def test_parts_are_a_partition(opened: Open) -> None:
    source = text_input(tokenizer=form("bytes", end=0))
    parts = [opened(form("hf", path="shards", part=p, valid=0.3), source) for p in ("train", "valid")]
    found = [set(text_of(d).split(b"\0")[:-1]) for d in parts]
    assert not found[0] & found[1] and found[0] | found[1] == {t.encode() for t in TEXTS} and len(found[1]) > 2


def test_a_missing_column_names_those_that_are_there(refused: Callable[[Form, Form], Diagnostic]) -> None:
    fault = refused(form("hf", path="shards", field="content"), text_input())
    assert fault.code == "DNA633" and fault.notes == ("it has n, text",)


def test_a_name_that_the_hub_cannot_give_is_one_diagnostic(refused: Callable[[Form, Form], Diagnostic]) -> None:
    assert refused(form("hf", path="nobody/nothing"), text_input()).code == "DNA635"


def test_a_damaged_parquet_file_is_one_diagnostic(refused: Callable[[Form, Form], Diagnostic], tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    assert refused(form("hf", path="bad.parquet"), text_input()).code == "DNA635"
