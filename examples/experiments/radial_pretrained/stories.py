"""Text of TinyStories as the ids that stories260K was trained on: the 512-word tokenizer of llama2.c (`tok512.bin`).

The vocabulary is a list of pieces with scores; a word is spelled in bytes or letters, and the neighbouring pair whose
joint piece has the best score is joined until no pair has one (sentencepiece BPE). Pieces never cross words, so each
word is encoded once.
"""

from __future__ import annotations

import lzma
import re
import struct
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

BEGIN = 1
"""The id that begins a story."""


class Words:
    """The tokenizer."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        at, self.pieces, self.scores = 4, [], []
        while at < len(data):
            score, size = struct.unpack_from("<fi", data, at)
            self.pieces.append(data[at + 8 : at + 8 + size].decode("utf-8", "replace"))
            self.scores.append(score)
            at += 8 + size
        self.ids = {piece: number for number, piece in enumerate(self.pieces)}
        self.word = cache(self._word)

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without BEGIN; a text begins with a space, as sentencepiece adds one."""
        return [i for word in re.findall(r" ?[^ ]+| +", f" {text}") for i in self.word(word)]

    def _word(self, word: str) -> tuple[int, ...]:
        found = [n for letter in word for n in self._letter(letter)]
        while len(found) > 1:
            pairs = [(self.ids.get(self.pieces[a] + self.pieces[b]), at) for at, (a, b) in enumerate(pairwise(found))]
            best = max(((self.scores[i], -at, i) for i, at in pairs if i is not None), default=None)
            if best is None:
                break
            _, at, number = best
            found[-at : 2 - at] = [number]
        return tuple(found)

    def _letter(self, letter: str) -> list[int]:
        return [self.ids[letter]] if letter in self.ids else [byte + 3 for byte in letter.encode()]


def sentence_case(text: str) -> str:
    """The corpus at hand is in small letters; the model was trained on ordinary ones. First letters of sentences
    and of names (whatever is `named` so) come back.
    """
    named, every = Counter(re.findall(r"\bnamed ([a-z]{3,})", text)), Counter(re.findall(r"[a-z]+", text))
    names = {name for name, count in named.items() if count > 2 and every[name] < 40 * count}
    text = re.sub(r"[a-z]+", lambda m: m[0].capitalize() if m[0] in names else m[0], text)
    text = re.sub(r"(^|[.!?\n][\"']?\s+[\"']?|[.!?,] \")([a-z])", lambda m: m[1] + m[2].upper(), text)
    return re.sub(r"\bi\b", "I", text)


def prepare(folder: Path) -> None:
    """Write `train.bin` and `valid.bin` (uint16) beside the files of `folder`, unless they are there."""
    if (folder / "valid.bin").is_file():
        return
    with lzma.open(folder / "tinystories.txt.xz", "rt", encoding="utf-8") as file:
        text = sentence_case(file.read())
    ids = np.array(Words(folder / "tok512.bin").encode(text), dtype=np.uint16)
    cut = len(ids) * 19 // 20
    ids[:cut].tofile(folder / "train.bin")
    ids[cut:].tofile(folder / "valid.bin")
