"""What cannot be used is refused before training, with one diagnostic that says what and where."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dnac.data import load
from dnac.ir.form import Form, form
from dnac.text.diagnostic import Diagnostic, Faults
from inputs import image_input, text_input

Refused = Callable[[Form, Form], Diagnostic]
TEXT, IMAGE = text_input(), image_input(4, 4)
PIXELS = np.arange(320, dtype=np.uint32).reshape(20, 4, 4).astype(np.uint8)


def idx(array: np.ndarray, **changes: bytes) -> bytes:
    """An idx file of bytes; `sizes` may lie."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + changes.get("sizes", sizes) + array.tobytes()


def npy(descr: str, shape: tuple[int, ...], body: bytes) -> bytes:
    """A .npy file whose header says what it likes."""
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body


def archive(**members: bytes) -> bytes:
    """A compressed .npz file of the given members."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.npy", content)
    return held.getvalue()


def pickled() -> bytes:
    """A real archive with Python objects in it."""
    held = io.BytesIO()
    np.savez(held, images=np.array([{}], object), labels=np.zeros(1, np.uint8))
    return held.getvalue()


LABELS = idx(np.arange(20, dtype=np.uint8) % 10)
IDX = form("idx", images="x", labels="y")
CUT_XZ = lzma.compress(b"text\n" * 9000)[:-60]

TEXTS: dict[str, tuple[str, bytes | None, Form, str, str]] = {
    "a missing file": ("a.txt", None, form("text", path="a.txt"), "DNA620", "no file or folder `a.txt`"),
    "an empty file": ("a.txt", b"", form("text", path="a.txt"), "DNA622", "holds no text"),
    "a text below one window": ("a.txt", b"12345678", form("text", path="a.txt"), "DNA622", "8 tokens, fewer than one"),
    "a cut .xz": ("a.xz", CUT_XZ, form("text", path="a.xz"), "DNA621", "ended before"),
    "a cut .gz": ("a.gz", gzip.compress(b"text\n" * 9000)[:-9], form("text", path="a.gz"), "DNA621", "ended before"),
    "a .gz that is none": ("a.gz", b"plain text", form("text", path="a.gz"), "DNA621", "ot a gzipped file"),
    "bytes that are no text": ("a.txt", b"good\n then \xff", form("text", path="a.txt"), "DNA630", "byte 11"),
    "jsonl without text": ("a.jsonl", b'{"text": "a"}\n{"t": 1}', form("text", path="a.jsonl"), "DNA633", "line 2"),
    "jsonl that is no JSON": ("a.jsonl", b'{"text": "a"', form("text", path="a.jsonl"), "DNA633", "line 1"),
    "half an id": ("a.bin", b"123", form("tokens", path="a.bin"), "DNA621", "no whole number of uint16 ids"),
    "an id above the vocabulary": (
        "a.bin", np.array([3, 256, 900], "<u2").tobytes(), form("tokens", path="a.bin"), "DNA624", "token 1 of"
    ),
    "no ids": ("a.bin", b"", form("tokens", path="a.bin"), "DNA622", "holds no text"),
    "images for text": ("a", b"", form("digits", split="all"), "DNA626", "gives image, but the net takes text"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_texts(refused: Refused, tmp_path: Path, name: str) -> None:
    file, content, words, code, message = TEXTS[name]
    if content is not None:
        (tmp_path / file).write_bytes(content)
    fault = refused(words, TEXT)
    assert fault.code == code and message in fault.message and fault.help


PICTURES: dict[str, tuple[bytes, bytes, str, str]] = {
    "not an idx file": (b"\x89PNG\r\n", LABELS, "DNA621", "does not begin as an idx file"),
    "an idx file cut short": (idx(PIXELS)[:-1], LABELS, "DNA621", "fewer than the 320 bytes"),
    "an idx file with a tail": (idx(PIXELS) + b"!", LABELS, "DNA621", "more than the 320 bytes"),
    "a header cut short": (b"\0\0\x08\x03\0\0", LABELS, "DNA621", "header ends too early"),
    "a size of 2^96": (
        idx(PIXELS, sizes=b"\xff" * 12),
        LABELS,
        "DNA621",
        "it declares 79,228,162,458,924,105,385,300,197,375",
    ),
    "fewer labels": (idx(PIXELS), idx(np.zeros(19, np.uint8)), "DNA631", "20 images and 19 labels"),
    "a label out of range": (idx(PIXELS), idx(np.full(20, 10, np.uint8)), "DNA623", "image 0 of"),
    "another size": (idx(PIXELS[:, :2, :2]), LABELS, "DNA625", "2 x 2 x 1, but the net takes 4 x 4 x 1"),
    "no images": (idx(PIXELS[:0]), idx(np.zeros(0, np.uint8)), "DNA622", "holds no images"),
    "labels of two axes": (idx(PIXELS), idx(PIXELS[0]), "DNA625", "not images and labels"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(refused: Refused, tmp_path: Path, name: str) -> None:
    images, labels, code, message = PICTURES[name]
    (tmp_path / "x").write_bytes(images)
    (tmp_path / "y").write_bytes(labels)
    fault = refused(IDX, IMAGE)
    assert fault.code == code and message in fault.message and fault.help


ARCHIVES: dict[str, tuple[bytes, str]] = {
    "not an archive": (b"hello", "not a zip file"),
    "an archive cut short": (archive(images=npy("|u1", (2, 4, 4), bytes(32)))[:-30], ""),
    "an altered archive": (archive(images=npy("|u1", (2, 4, 4), os.urandom(32))).replace(b"NUMPY", b"NUMBY"), ""),
    "pickled objects": (pickled(), "holds pickled objects"),
    "more values than bytes": (archive(images=npy("|u1", (10**12,), bytes(32))), "declares more values than it holds"),
    "fewer values than bytes": (archive(images=npy("|u1", (3,), bytes(32))), "more than the 3 bytes"),
    "a bomb": (archive(images=npy("|u1", (300 << 20,), bytes(300 << 20))), "it would grow to"),
    "a header of code": (
        archive(images=npy("|u1', 'x': __import__('os'), '", (1,), b"1")),
        "does not begin as an array",
    ),
    "other arrays": (archive(a=npy("|u1", (1,), b"1")), "has no array `images`"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(refused: Refused, tmp_path: Path, name: str) -> None:
    content, message = ARCHIVES[name]
    (tmp_path / "a.npz").write_bytes(content)
    fault = refused(form("npz", path="a.npz"), IMAGE)
    assert fault.code == "DNA621" and message in fault.message


TOKENIZERS: dict[str, tuple[str, bytes | None, Form, str, str]] = {
    "a missing file": ("t", None, form("bpe", file="t"), "DNA620", "`t`"),
    "no tokenizer": ("t", b"{}", form("bpe", file="t"), "DNA621", "not a tokenizer file"),
    "a cut file": ("t.xz", CUT_XZ, form("bpe", file="t.xz"), "DNA621", "damaged"),
    "a rank that is none": ("t", b"YQ== one\n", form("tiktoken", file="t"), "DNA621", "line 1 is not a token"),
    "missing bytes": ("t", b"YQ== 0\n", form("tiktoken", file="t"), "DNA621", "no rank for the byte 0"),
    "more ids than the net": ("t", None, form("bytes"), "DNA624", "has 256 ids, but the net's vocabulary is 100"),
    "none at all": ("t", None, form("none"), "DNA627", "has no tokenizer"),
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokenizers(refused: Refused, tmp_path: Path, name: str) -> None:
    file, content, words, code, message = TOKENIZERS[name]
    (tmp_path / "a.txt").write_text("some text that is long enough")
    if content is not None:
        (tmp_path / file).write_bytes(content)
    fault = refused(form("text", path="a.txt"), text_input(vocabulary=100, tokenizer=words))
    assert fault.code == code and message in fault.message and fault.help


def folder(root: Path, **pictures: bytes) -> None:
    """`pets/cat/NAME.png` for each."""
    (root / "pets" / "cat").mkdir(parents=True)
    for name, content in pictures.items():
        (root / "pets" / "cat" / f"{name}.png").write_bytes(content)


def png(width: int, height: int) -> bytes:
    """A picture of noise."""
    from PIL import Image

    held = io.BytesIO()
    Image.frombytes("L", (width, height), random.Random(width).randbytes(width * height)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (png(4, 4)[:-30], "DNA621", "b.png"),
        (b"no picture", "DNA621", "b.png"),
        (png(5, 4), "DNA625", "4 x 5 x 1"),
    ],
    ids=["cut short", "no picture", "another size"],
)
def test_a_picture_in_a_folder_is_named(
    refused: Refused, tmp_path: Path, content: bytes, code: str, message: str
) -> None:
    folder(tmp_path, a=png(4, 4), b=content)
    fault = refused(form("images", folder="pets"), IMAGE)
    assert fault.code == code and message in fault.message


def test_more_folders_than_classes(refused: Refused, tmp_path: Path) -> None:
    folder(tmp_path, a=png(4, 4))
    (tmp_path / "pets" / "dog").mkdir()
    assert refused(form("images", folder="pets"), image_input(4, 4, classes=1)).code == "DNA623"


def test_a_cache_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    (tmp_path / "a.txt").write_text("long enough for one window")
    with pytest.raises(Faults) as caught:
        load(form("text", path="a.txt"), TEXT, tmp_path, tmp_path / "cache")
    assert [d.code for d in caught.value.bag] == ["DNA634"]


def test_nothing_is_left_in_the_cache_by_a_fault(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"long enough for one window, and then \xff")
    refused(form("text", path="a.txt"), TEXT)
    assert not list((tmp_path / ".cache").iterdir())
