"""Images: normalisation, padding, augmentation, splits, and files of every format."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from dnac.data import Dataset, load_pair
from dnac.ir.form import Form, form
from dnac.text.diagnostic import Faults
from inputs import image_input

Open = Callable[[Form, Form], Dataset]
RAW = form("raw", images="x.bin", labels="y.bin")


def stored(folder: Path, count: int = 20, size: int = 4, classes: int = 10) -> np.ndarray:
    """Random images [n, size, size] in `x.bin`, their labels in `y.bin`."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)
    (folder / "x.bin").write_bytes(pixels.tobytes())
    (folder / "y.bin").write_bytes(bytes(i % classes for i in range(count)))
    return pixels


def test_pixels_are_normalised_as_declared(opened: Open, tmp_path: Path) -> None:
    pixels = stored(tmp_path)
    (batch,) = opened(RAW.replace(mean=0.25, std=2.0), image_input(4, 4)).sequential(20)
    expected = (pixels[..., None].astype(np.float32) / 255 - 0.25) / 2
    assert batch.inputs.dtype == torch.float32 and np.allclose(batch.inputs.numpy(), expected, atol=1e-6)
    assert batch.targets.tolist() == [i % 10 for i in range(20)]


def test_an_image_is_padded_with_black(opened: Open, tmp_path: Path) -> None:
    pixels = stored(tmp_path)
    (batch,) = opened(RAW.replace(pad=2, mean=0.0, std=1.0), image_input(8, 8)).sequential(20)
    assert np.allclose(batch.inputs[:, 2:6, 2:6, 0].numpy() * 255, pixels, atol=1e-4)
    assert batch.inputs.sum() == pytest.approx(batch.inputs[:, 2:6, 2:6].sum())


def test_three_segments_across_epochs_equal_one_run_with_augmentation(opened: Open, tmp_path: Path) -> None:
    stored(tmp_path)
    words = RAW.replace(shift=1, flip=True)
    whole = list(islice(opened(words, image_input(4, 4)).batches(6, 3), 12))
    pieces = [
        b
        for start, count in ((0, 3), (3, 4), (7, 5))
        for b in islice(opened(words, image_input(4, 4)).batches(6, 3, 6 * start), count)
    ]
    for one, other in zip(whole, pieces, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert sorted(torch.cat([b.samples for b in whole])[:20].tolist()) == list(range(20))


def test_augmentation_moves_and_mirrors_but_only_while_training(opened: Open, tmp_path: Path) -> None:
    pixels = stored(tmp_path, count=200)
    data = opened(RAW.replace(shift=1, flip=True, mean=0.0, std=1 / 255), image_input(4, 4))
    (batch,) = islice(data.batches(200, 0), 1)
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    seen = set()
    for image, sample in zip(batch.inputs[..., 0].round().numpy().astype(np.uint8), batch.samples, strict=True):
        ways = {
            (dy, dx, mirrored)
            for dy in range(3)
            for dx in range(3)
            for mirrored in (False, True)
            if (padded[sample, dy : dy + 4, dx : dx + 4][:, :: -1 if mirrored else 1] == image).all()
        }
        assert ways
        seen |= ways
    assert len(seen) == 18
    (plain,) = data.sequential(200)
    assert (plain.inputs[..., 0].round().numpy() == pixels).all()


def test_epochs_augment_unlike(opened: Open, tmp_path: Path) -> None:
    stored(tmp_path)
    first, second = islice(opened(RAW.replace(shift=1), image_input(4, 4)).batches(20, 0), 2)
    again = [b.inputs[b.samples.argsort()] for b in (first, second)]
    assert not torch.equal(again[0], again[1])


def test_a_split_is_a_partition_and_keeps_equal_images_together(opened: Open, tmp_path: Path) -> None:
    pixels = stored(tmp_path, count=40)
    doubled = np.concatenate([pixels, pixels])
    (tmp_path / "x.bin").write_bytes(doubled.tobytes())
    (tmp_path / "y.bin").write_bytes(bytes(80))
    train, valid = (opened(RAW.replace(split=s, valid=0.25), image_input(4, 4)) for s in ("train", "valid"))
    assert (train.samples, valid.samples) == (60, 20)
    rows = [{x.numpy().tobytes() for x in next(d.sequential(80)).inputs} for d in (train, valid)]
    assert len(rows[0]) == 30 and len(rows[1]) == 10 and not rows[0] & rows[1]


def test_digits_are_whole_and_split_by_class(opened: Open) -> None:
    train, valid = (opened(form("digits", split=s), image_input()) for s in ("train", "valid"))
    assert train.samples + valid.samples == 1797 and 440 < valid.samples < 455
    (batch,) = valid.sequential(500)
    assert batch.inputs.min() == -1 and batch.inputs.max() == 1
    assert batch.targets.bincount().min() >= 43


def idx(array: np.ndarray) -> bytes:
    """An idx file of bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize(("suffix", "packer"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_idx_files_plain_and_compressed(
    opened: Open, tmp_path: Path, suffix: str, packer: Callable[[bytes], bytes]
) -> None:
    pixels = stored(tmp_path)
    (tmp_path / f"x{suffix}").write_bytes(packer(idx(pixels)))
    (tmp_path / f"y{suffix}").write_bytes(packer(idx(np.arange(20, dtype=np.uint8) % 10)))
    data = opened(form("idx", images=f"x{suffix}", labels=f"y{suffix}"), image_input(4, 4))
    assert data.fingerprint == opened(RAW, image_input(4, 4)).fingerprint


def test_npz_arrays_of_bytes_and_of_fractions(opened: Open, tmp_path: Path) -> None:
    pixels = stored(tmp_path)
    labels = np.arange(20) % 10
    np.savez(tmp_path / "a.npz", images=pixels, labels=labels)
    np.savez_compressed(tmp_path / "b.npz", photos=(pixels / 255).astype(np.float32), kinds=labels)
    named = form("npz", path="b.npz", images="photos", labels="kinds")
    one, other = (next(opened(w, image_input(4, 4)).sequential(20)) for w in (form("npz", path="a.npz"), named))
    assert torch.allclose(one.inputs, other.inputs, atol=1e-6) and torch.equal(one.targets, other.targets)


def jpeg(value: int) -> bytes:
    """An even grey JPEG picture."""
    from PIL import Image

    held = io.BytesIO()
    Image.new("RGB", (8, 8), (value, value, value)).save(held, "JPEG")
    return held.getvalue()


def test_packed_jpeg_pictures_share_headers(opened: Open, tmp_path: Path) -> None:
    pictures = [jpeg(v) for v in (10, 100, 200)]
    heads = [p[:20] for p in pictures[:2]]
    offsets = np.cumsum([0, *(len(p) - 20 for p in pictures)])
    np.savez(
        tmp_path / "p.npz",
        header=np.frombuffer(b"".join(heads), np.uint8),
        header_offset=np.array([0, 20, 40]),
        header_id=np.array([0, 1, 0]),
        body=np.frombuffer(b"".join(p[20:] for p in pictures), np.uint8),
        offset=offsets,
        label=np.array([2, 0, 1], np.uint8),
    )
    words = form("npz", path="p.npz", mean=0.0, std=1 / 255)
    for _ in range(2):
        (batch,) = opened(words, image_input(channels=3, classes=3)).sequential(3)
        assert batch.inputs.mean((1, 2, 3)).round().tolist() == [10, 100, 200] and batch.targets.tolist() == [2, 0, 1]


def test_a_folder_of_pictures_takes_labels_from_folders(opened: Open, tmp_path: Path) -> None:
    from PIL import Image

    for name, value in (("dog", 50), ("cat", 150)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("L", (16, 8), value).save(tmp_path / "pets" / name / "a.png")
    words = form("images", folder="pets", resize=True, mean=0.0, std=1 / 255)
    (batch,) = opened(words, image_input(channels=3, classes=2)).sequential(2)
    assert batch.inputs.mean((1, 2, 3)).round().tolist() == [150, 50] and batch.targets.tolist() == [0, 1]


def test_data_and_valid_must_differ_and_normalise_alike(tmp_path: Path) -> None:
    stored(tmp_path)
    train, valid = (RAW.replace(split=s, valid=0.5) for s in ("train", "valid"))
    for first, second, code in ((train, train, "DNA629"), (train, valid.replace(mean=0.1), "DNA632")):
        with pytest.raises(Faults) as caught:
            load_pair(form("train", data=first, valid=second), image_input(4, 4), tmp_path)
        assert [d.code for d in caught.value.bag] == [code]
    assert len(load_pair(form("train", data=train, valid=valid), image_input(4, 4), tmp_path)) == 2


def test_the_fingerprint_is_of_what_the_net_sees(opened: Open, tmp_path: Path) -> None:
    stored(tmp_path)
    first = opened(RAW, image_input(4, 4)).fingerprint
    assert opened(RAW.replace(shift=1, flip=True), image_input(4, 4)).fingerprint == first
    assert opened(RAW.replace(mean=0.1), image_input(4, 4)).fingerprint != first
    (tmp_path / "y.bin").write_bytes(bytes(20))
    assert opened(RAW, image_input(4, 4)).fingerprint != first
