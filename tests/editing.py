"""A text with the cursor in it, for tests of what editors ask."""

from __future__ import annotations

from pathlib import Path

from dnac.lsp.document import Document

ROOT = Path(__file__).parents[1]

SPEC = """dna 1
use "std/routers.dna" as lib
param width = 32

# A block of our own.
def module blk(hidden = 2x) { attention(heads = 4); mlp(gelu, hidden) }

net a {
  input text(context = 64, vocabulary = 256)
  embed tokens(width, positions = learned)
  module tail = mlp(gelu, 4x)
  pool nodes { big[4] = transformer(heads = 4); skip = identity() }
  blk(4x)
  repeat 2 as t { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }
  final: route nodes by lib.dna_eq1(k = 1)
  tail
  <here>
  head lm = unembed(tied = false)
}

net b = a with { hop.scale = 2 }
"""
"""Text in which `<here>` is a place for a statement."""


def with_cursor(text: str, path: str = "spec.dna") -> tuple[Document, int]:
    """The document and the place of `|` in it."""
    assert text.count("|") == 1
    return Document(path, text.replace("|", "")), text.index("|")


def in_net(statement: str) -> tuple[Document, int]:
    """A statement with its cursor in the net of `SPEC`."""
    return with_cursor(SPEC.replace("<here>", statement))


def at_word(text: str, word: str, number: int = 1) -> tuple[Document, int]:
    """The place of the n-th time that a word stands in a text."""
    offset = -1
    for _ in range(number):
        offset = text.index(word, offset + 1)
    return Document("spec.dna", text), offset
