"""A missing optional package is one line, and data words load without torch or numpy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnac import catalogue
from dnac.data.base import DatasetKind, TokenizerKind
from dnac.ir.form import Form, form
from dnac.text.diagnostic import Diagnostic
from inputs import image_input, text_input

WORDS = [("dataset", n, DatasetKind) for n in catalogue.names("dataset")]
WORDS += [("tokenizer", n, TokenizerKind) for n in catalogue.names("tokenizer")]


@pytest.mark.parametrize(
    ("package", "words", "source"),
    [
        ("sklearn", form("digits", split="all"), image_input()),
        ("tokenizers", form("text", path="a.txt"), text_input(tokenizer=form("bpe", file="a.txt"))),
        ("datasets", form("hf", path="a.txt"), text_input()),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    refused: Callable[[Form, Form], Diagnostic],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    package: str,
    words: Form,
    source: Form,
) -> None:
    (tmp_path / "a.txt").write_text("text that is long enough")
    monkeypatch.setitem(sys.modules, package, None)
    fault = refused(words, source)
    assert fault.code == "DNA628" and fault.help.startswith('pip install "dnac-lang[')


@pytest.mark.parametrize(("kind", "name", "of"), WORDS)
def test_a_word_has_its_files_name_and_a_summary(kind: str, name: str, of: type) -> None:
    word = catalogue.get(kind, name)
    assert isinstance(word, of) and word.name == name and word.summary


def test_words_of_data_load_nothing_heavy() -> None:
    program = (
        "import sys; from dnac import catalogue\n"
        "for k in ('dataset', 'tokenizer'):\n"
        "    [catalogue.get(k, n) for n in catalogue.names(k)]\n"
        "print([m for m in ('torch', 'numpy', 'sklearn', 'PIL', 'tokenizers', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_given_first_is_what_a_reader_expects() -> None:
    names = catalogue.names("dataset")
    first = {name: next(iter(catalogue.get("dataset", name).Params.model_fields)) for name in names}
    assert first["digits"] == first["stdlib_text"] == "split"
    assert first["text"] == first["npz"] == first["tokens"] == first["hf"] == "path"
    assert first["idx"] == first["raw"] == "images" and first["images"] == "folder"
