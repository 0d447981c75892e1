"""Make the text of the comparison: three splits as ids, near-duplicates removed across them.

    python benchmarks/comparison/prepare.py SOURCE --tokenizer bpe8k_dev.json [--collections NAME ...]
        [--out .data/comparison]

SOURCE holds collections (default: those of README.md), each a folder of .txt.xz files whose documents end with a line
`<|endoftext|>`. A document goes to a split by the hash of its text: 6 % to `tune` (for choosing learning rates and
estimating variance, never reported), 6 % to `test` (reported), the rest to `train`. Then every held-out document is
dropped of which half or more of the sampled 8-word shingles stand in `train` or in held-out documents kept before it.
Written: train.bin, tune.bin, test.bin (uint16 ids, a document's end behind each), and meta.json with counts, bytes
and hashes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("cpp_docs", "sotu", "c4_mini")
SEPARATOR = "<|endoftext|>"
HELD_OUT = 0.06
WORDS = 8
SAMPLED = 8
"""One shingle in so many is compared."""
TOO_MUCH = 0.5
WORD = re.compile(r"\w+")

Document = tuple[str, str, bytes]
"""Source, text, sha256."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json with at most 65,536 ids")
    parser.add_argument("--collections", nargs="+", default=list(SOURCES), metavar="NAME", help="folders of SOURCE")
    parser.add_argument("--out", type=Path, default=ROOT / ".data" / "comparison")
    args = parser.parse_args()
    splits = divided(documents(args.source, args.collections))
    counts = {name: len(rows) for name, rows in splits.items()}
    if not splits["train"]:
        raise SystemExit(f"no document for training in {', '.join(args.collections)} of {args.source}")
    kept = {"train": splits["train"], **without_near_duplicates(splits)}
    if empty := [name for name, rows in kept.items() if not rows]:
        raise SystemExit(
            f"no document is left for {' and '.join(empty)}: {HELD_OUT:.0%} of {sum(counts.values())} are few"
        )
    args.out.mkdir(parents=True, exist_ok=True)
    written = {name: write(rows, args.tokenizer, args.out / f"{name}.bin") for name, rows in kept.items()}
    meta = {
        "rule": f"held-out documents dropped where {TOO_MUCH:.0%} of their {WORDS}-word shingles stand elsewhere",
        "tokenizer_sha256": hashlib.sha256(args.tokenizer.read_bytes()).hexdigest(),
        "documents_before": counts,
        **written,
    }
    (args.out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    print(json.dumps(meta, indent=1))


def documents(source: Path, collections: Iterable[str]) -> list[Document]:
    """All documents of some folders, each text once."""
    found = {}
    for name in collections:
        for path in sorted((source / name).glob("*.txt.xz")):
            for text in lzma.decompress(path.read_bytes()).decode().split(f"\n{SEPARATOR}\n"):
                if text.strip():
                    found.setdefault(hashlib.sha256(text.strip().encode()).digest(), (name, text))
    return sorted(((name, text, digest) for digest, (name, text) in found.items()), key=lambda d: d[2][4:])


def divided(rows: Iterable[Document]) -> dict[str, list[Document]]:
    """By the first bytes of the hash; in order of the rest of it, so that sources mix."""
    splits: dict[str, list[Document]] = {"train": [], "tune": [], "test": []}
    for row in rows:
        share = int.from_bytes(row[2][:4], "big") / 2**32
        splits["tune" if share < HELD_OUT else "test" if share < 2 * HELD_OUT else "train"].append(row)
    return splits


def without_near_duplicates(splits: dict[str, list[Document]]) -> dict[str, list[Document]]:
    """`tune` and `test` without what stands in `train` or was kept before."""
    known = np.unique(np.concatenate([shingles(text) for _, text, _ in splits["train"]]))
    before = set[int]()
    kept: dict[str, list[Document]] = {"test": [], "tune": []}
    for name, rows in kept.items():
        for row in splits[name]:
            own = shingles(row[1])
            places = np.searchsorted(known, own).clip(max=len(known) - 1)
            seen = (known[places] == own) | np.array([h in before for h in own.tolist()], dtype=bool)
            if not len(own) or seen.mean() < TOO_MUCH:
                rows.append(row)
                before.update(own.tolist())
    return kept


def shingles(text: str) -> np.ndarray:
    """Hashes of a sample of the runs of eight words, upper and lower case alike: which runs, their hashes decide."""
    words = np.array([hash_of(word) for word in WORD.findall(text.lower())], dtype=np.uint64)
    if len(words) < WORDS:
        return np.empty(0, np.uint64)
    rows = np.lib.stride_tricks.sliding_window_view(words, WORDS)
    with np.errstate(over="ignore"):
        mixed = np.zeros(len(rows), np.uint64)
        for column in rows.T:
            mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed[mixed % np.uint64(SAMPLED) == 0])


_KNOWN: dict[str, int] = {}


def hash_of(word: str) -> int:
    """Of a word; alike in every process."""
    if word not in _KNOWN:
        _KNOWN[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    return _KNOWN[word]


def write(rows: list[Document], tokenizer: Path, path: Path) -> dict[str, object]:
    """Ids of all documents; what is written, in numbers."""
    ids = np.concatenate(list(encoded(rows, tokenizer)))
    assert ids.max() < 2**16
    ids.astype("<u2").tofile(path)
    sources = Counter(source for source, _, _ in rows)
    return {
        "documents": len(rows),
        "by_source": dict(sorted(sources.items())),
        "tokens": len(ids),
        "text_bytes": sum(len(text.encode()) for _, text, _ in rows),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def encoded(rows: list[Document], path: Path) -> Iterator[np.ndarray]:
    """Ids of each document, its end behind it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    end = tokenizer.token_to_id(SEPARATOR)
    assert end is not None, f"the tokenizer has no {SEPARATOR}"
    for first in range(0, len(rows), 200):
        for found in tokenizer.encode_batch([text for _, text, _ in rows[first : first + 200]]):
            yield np.array([*found.ids, end], dtype=np.int64)


if __name__ == "__main__":
    main()
