"""Words of a text with their places, and how its brackets nest."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.syntax.ast import Comment
from dnac.text.source import Source, Span


@dataclass(slots=True)
class Lexeme:
    """One word. `type` is its terminal in `dna.lark`."""

    type: str
    text: str
    span: Span
    parent: int = -1
    """Index of the innermost open bracket around it, or -1."""
    close: int = -1
    """Index of the closing bracket, for an opening one."""
    opener: int = -1
    """Index of the opening bracket, for a closing one."""
    real: bool = True
    """False for a word that stands in for one that is missing."""


@dataclass
class Scan:
    """All words of a source, `$END` the last. Brackets match: missing ones are put in, stray ones left out."""

    source: Source
    lexemes: list[Lexeme]
    comments: tuple[Comment, ...]
    damaged: list[int]
    """Offsets of faults that are reported already; a statement that holds one gets no further diagnostic."""

    def is_damaged(self, start: int, stop: int) -> bool:
        """Whether a reported fault lies in the words `start` to `stop` (exclusive)."""
        if start >= stop:
            return False
        first, last = self.lexemes[start].span.start, self.lexemes[stop - 1].span.end
        return any(first <= offset <= last for offset in self.damaged)

    def opener_of(self, index: int) -> int:
        """Index of the innermost bracket around the word at `index`, or -1. A closing bracket is inside its own."""
        word = self.lexemes[index]
        return word.opener if word.opener >= 0 else word.parent

    def brace_of(self, index: int) -> int:
        """Index of the innermost `{` around the word at `index`, or -1."""
        opener = self.opener_of(index)
        while opener >= 0 and self.lexemes[opener].type != "LBRACE":
            opener = self.lexemes[opener].parent
        return opener

    def start_of(self, index: int) -> int:
        """Index of the first word of the statement that holds, or is ended by, the word at `index`."""
        brace = self.brace_of(index)
        while index > brace + 1 and not self._separates(index - 1, brace):
            index -= 1
        return index

    def end_of(self, index: int, brace: int) -> int:
        """Index of the separator or closing bracket that ends the statement at `index` inside `brace`."""
        stop = self.lexemes[brace].close if brace >= 0 else len(self.lexemes) - 1
        while index < stop and not self._separates(index, brace):
            index += 1
        return index

    def _separates(self, index: int, brace: int) -> bool:
        return self.lexemes[index].type == "_SEP" and self.lexemes[index].parent == brace
