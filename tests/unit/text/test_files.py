"""Bytes to text: what is mended silently, and what is refused with one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnac.text.diagnostic import Faults
from dnac.text.files import read_source
from dnac.text.limits import LARGEST_FILE


def written(folder: Path, content: bytes) -> Path:
    path = folder / "x.dna"
    path.write_bytes(content)
    return path


def test_a_byte_order_mark_is_taken_off_and_line_ends_are_made_alike(tmp_path: Path):
    path = written(tmp_path, "\ufeffdna 1\r\n# é\rparam a = 1\n".encode())
    source = read_source(path)
    assert source.text == "dna 1\n# é\nparam a = 1\n"
    assert source.path == str(path)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"dna 1\n\0", "DNA002"),
        (b"\t\x00\x00\x00\x0eSnapGene\x00\x01", "DNA003"),
        (b"dna 1\n# \xff\n", "DNA004"),
        ("dna 1\n".encode("utf-16"), "DNA002"),
        (b"\xed\xa0\x80", "DNA004"),
        (b"#" * (LARGEST_FILE + 1), "DNA006"),
        (b"\0" * (LARGEST_FILE + 1), "DNA002"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, code: str):
    with pytest.raises(Faults) as caught:
        read_source(written(tmp_path, content))
    assert [d.code for d in caught.value.bag] == [code]


def test_a_file_of_the_largest_size_is_read(tmp_path: Path):
    assert len(read_source(written(tmp_path, b"#" * LARGEST_FILE)).text) == LARGEST_FILE


def test_the_line_of_a_bad_byte_is_named(tmp_path: Path):
    with pytest.raises(Faults, match="byte 0xff on line 3"):
        read_source(written(tmp_path, b"dna 1\n\n# \xff\n"))


@pytest.mark.parametrize("path", ["none.dna", ".", "a\0b", "x" * 5000])
def test_a_path_that_cannot_be_read_is_a_fault_and_no_traceback(path: str):
    with pytest.raises(Faults, match="DNA001"):
        read_source(path)
