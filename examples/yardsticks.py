"""What a run is measured against, on exactly its own held-out data: a 3-gram model, or ridge regression.

    python examples/yardsticks.py runs/dna_tiny_text-1234abcd-s1 runs/dna_tiny_digits-1234abcd-s1

Text (bytes): an interpolated 3-gram model of the whole training split, in bits per byte. Images: ridge
regression on pixels, its strength chosen by 5-fold cross-validation on the training split, in accuracy.
Neither is told anything that the net is not told; the 3-gram model sees more text than a short run does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from dnac import data
from dnac.data import Dataset
from dnac.train.run import Run

STRENGTHS = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
VALUES = 256


def trigram_bits_per_byte(train: np.ndarray, valid: np.ndarray) -> float:
    """Mean -log2 of P(byte | two bytes before) over all bytes of `valid` but the first two."""
    return float(-np.log2(trigram_chances(train, valid)).mean())


def trigram_chances(train: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """P(byte | two bytes before) of each byte of `valid` but the first two.

    Interpolated after Witten and Bell (1991): P(c|h) = (n(hc) + t(h) P(c|h')) / (n(h) + t(h)), where t(h) is
    how many different bytes followed h and h' is h without its first byte; at the end of the chain 1/256.
    """
    lower = np.full(VALUES, 1.0 / VALUES)
    chance = lower[valid[2:]]
    for order in (1, 2, 3):
        chance = _mixed(_codes(train, order), _codes(valid, order)[3 - order :], chance)
    return chance


def ridge_accuracy(train: tuple[np.ndarray, np.ndarray], valid: tuple[np.ndarray, np.ndarray]) -> float:
    """Share of `valid` whose largest of one-hot regressions on pixels is the label. Each is (pixels, labels)."""
    pixels, labels = train
    folds = np.random.default_rng(0).integers(0, 5, len(labels))
    scores = [_folded(pixels, labels, folds, strength) for strength in STRENGTHS]
    return _accuracy(train, valid, STRENGTHS[int(np.argmax(scores))])


def of_run(path: Path) -> tuple[str, float]:
    """The yardstick's name and its figure for a run folder: bits per byte or accuracy."""
    run = Run.open(path)
    source = run.spec.graph.input
    train, valid = data.load_pair(run.train, source, run.root)
    if source.name == "image":
        return "accuracy of ridge regression on pixels", ridge_accuracy(_all(train), _all(valid))
    if source["vocabulary"] != VALUES:
        raise SystemExit(f"{path}: the 3-gram yardstick is for bytes; this net has another vocabulary")
    tokens = [np.asarray(d.store.tokens, np.int64) for d in (train, valid)]  # type: ignore[attr-defined]
    return "bits per byte of an interpolated 3-gram model", trigram_bits_per_byte(*tokens)


def _codes(ids: np.ndarray, order: int) -> np.ndarray:
    """Each run of `order` bytes as one number, the last byte lowest."""
    code = np.zeros(len(ids) - order + 1, np.int64)
    for place in range(order):
        code = code * VALUES + ids[place : len(ids) - order + 1 + place]
    return code


def _mixed(train: np.ndarray, valid: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """One step of the chain: `lower` is the chance by the shorter context, for each place of `valid`."""
    size = int(max(train.max(), valid.max())) + 1
    counts = np.bincount(train, minlength=-(-size // VALUES) * VALUES).reshape(-1, VALUES)
    context = valid // VALUES
    seen, kinds = counts.sum(1)[context], (counts > 0).sum(1)[context]
    here = counts[context, valid % VALUES]
    return np.where(seen > 0, (here + kinds * lower) / np.maximum(seen + kinds, 1), lower)


def _folded(pixels: np.ndarray, labels: np.ndarray, folds: np.ndarray, strength: float) -> float:
    """Mean accuracy over the folds."""
    parts = [(folds != f, folds == f) for f in range(5)]
    return float(np.mean([_accuracy((pixels[a], labels[a]), (pixels[b], labels[b]), strength) for a, b in parts]))


def _accuracy(train: tuple[np.ndarray, np.ndarray], valid: tuple[np.ndarray, np.ndarray], strength: float) -> float:
    (x, y), (x_valid, y_valid) = train, valid
    middle = x.mean(0)
    x, x_valid = x - middle, x_valid - middle
    targets = np.eye(int(y.max()) + 1)[y]
    weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (targets - targets.mean(0)))
    return float(((x_valid @ weights + targets.mean(0)).argmax(1) == y_valid).mean())


def _all(images: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """All pixels, one row an image, and all labels."""
    (batch,) = images.sequential(images.samples)
    return batch.inputs.flatten(1).double().numpy(), batch.targets.numpy()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: python examples/yardsticks.py RUN...")
    for name in sys.argv[1:]:
        what, figure = of_run(Path(name))
        print(f"{name}: {figure:.4f} {what}")
