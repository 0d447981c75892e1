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
    real: bool = True
    """False for a word that stands in for one that is missing."""


@dataclass
class Scan:
    """All words of a source; brackets always match (missing ones are put in, stray ones left out)."""

    source: Source
    lexemes: list[Lexeme]
    comments: tuple[Comment, ...]
    damaged: list[int]
    """Offsets of faults that are reported already; a statement that holds one gets no further diagnostic."""

    @property
    def end(self) -> Span:
        """The empty span behind the last word (on its line, so that a caret stands where something is missing)."""
        last = next((w.span.end for w in reversed(self.lexemes) if w.real and w.type != "_SEP"), 0)
        return Span(self.source, last, last)

    def is_damaged(self, start: int, stop: int) -> bool:
        """Whether a reported fault lies in the words `start` to `stop` (exclusive)."""
        if start >= stop:
            return False
        first, last = self.lexemes[start].span.start, self.lexemes[stop - 1].span.end
        return any(first <= offset <= last for offset in self.damaged)

    def start_of(self, index: int) -> int:
        """Index of the first word of the statement that holds the word at `index`."""
        parent = self._brace(index)
        while index > parent + 1 and not self._ends(index - 1, parent):
            index -= 1
        return index

    def end_of(self, index: int, parent: int) -> int:
        """Index behind the statement inside bracket `parent` that holds the word at `index`."""
        stop = self.lexemes[parent].close if parent >= 0 else len(self.lexemes)
        while index < stop and not self._ends(index, parent):
            index += 1
        return index

    def brace_of(self, index: int) -> int:
        """Index of the innermost `{` around the word at `index`, or -1."""
        return self._brace(index)

    def _brace(self, index: int) -> int:
        parent = self.lexemes[index].parent
        while parent >= 0 and self.lexemes[parent].type != "LBRACE":
            parent = self.lexemes[parent].parent
        return parent

    def _ends(self, index: int, parent: int) -> bool:
        word = self.lexemes[index]
        return word.type == "_SEP" and word.parent == parent


