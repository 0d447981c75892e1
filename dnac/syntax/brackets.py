"""Match brackets, drop line breaks inside ( ) and [ ], and mend what does not match.

After this pass every opening bracket knows its closing one, so that the parser can step over any
statement. A missing bracket is put in where it most likely belongs; a stray one is left out.
"""

from __future__ import annotations

from collections.abc import Callable

from dnac.syntax import errors
from dnac.syntax.lexemes import Lexeme
from dnac.syntax.words import ITEMS, STATEMENTS
from dnac.text.diagnostic import Bag
from dnac.text.limits import DEEPEST, MOST_ERRORS
from dnac.text.source import Span

_CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_OPENER = {closer: opener for opener, closer in _CLOSER.items()}
_TEXT = {"RPAR": ")", "RSQB": "]", "RBRACE": "}", "LPAR": "(", "LSQB": "[", "LBRACE": "{"}
_OPERATORS = frozenset(("PLUS", "MINUS", "STAR", "SLASH", "AMPERSAND", "COMPARE"))
_ENDS_OPERATION = frozenset(("COMMA", "EQUAL", "_SEP", "COLON"))
_GOES_ON = frozenset((*_OPERATORS, "COMMA", "LPAR", "LSQB", "EQUAL", "COLON", "DOT"))


def nest(raw: list[Lexeme], more: Callable[[], bool], damaged: list[int], bag: Bag) -> list[Lexeme] | None:
    """The words with `parent` and `close` filled in and separators merged; None if they nest too deeply.

    `more()` puts further words at the end of `raw` and says whether there were any, so that a text which
    nests endlessly is not read to its end.
    """
    nester = _Nester(raw, more, damaged, bag)
    return nester.out if nester.run() else None


class _Nester:
    """One pass with a stack of open brackets; it goes back only to put in a closing bracket."""

    def __init__(self, raw: list[Lexeme], more: Callable[[], bool], damaged: list[int], bag: Bag) -> None:
        self.raw, self.more, self.damaged, self.bag = raw, more, damaged, bag
        self.out: list[Lexeme] = []
        self.stack: list[int] = []
        self.operators: list[int] = [0]
        """Operators and dots in the running expression at each level of the stack."""
        self.breaks: list[tuple[int, int]] = []
        """(place in raw, place in out) of line breaks that were dropped inside ( ) or [ ]."""
        self.crooked: list[int] = []
        """Opening braces whose closing one stands further left: likely the place of a missing one."""

    def run(self) -> bool:
        at = 0
        while at < len(self.raw) or self.more():
            word = self.raw[at]
            if word.text in ("\n", ";"):
                at = self.separator(at, word)
            elif word.type in _CLOSER:
                at = self.opener(at, word)
            elif word.type in _OPENER:
                at = self.closer(at, word)
            else:
                if word.type in _OPERATORS or word.type == "DOT":
                    self.operators[-1] += 1
                elif word.type in _ENDS_OPERATION:
                    self.operators[-1] = 0
                self.put(word)
                at += 1
            if len(self.stack) + sum(self.operators) > DEEPEST:
                self.bag.add(errors.too_deep(word.span, DEEPEST))
                return False
            if len(self.damaged) > MOST_ERRORS:
                self.bag.add(errors.too_many(word.span, MOST_ERRORS))
                return False
        while self.stack:
            self.unclosed()
        return True

    def put(self, word: Lexeme) -> None:
        word.parent = self.stack[-1] if self.stack else -1
        self.out.append(word)

    def top(self) -> str:
        return self.out[self.stack[-1]].type if self.stack else ""

    # --- the three sorts of words ---------------------------------------------------------------

    def separator(self, at: int, word: Lexeme) -> int:
        if word.text == ";" and self.top() in ("LPAR", "LSQB"):
            word.type = "SEMICOLON"
            self.put(word)
            return at + 1
        word.type = "_SEP"
        if self.stack and word.text == "\n" and self.begins_statement(at + 1):
            if self.top() != "LBRACE":
                return self.go_back(at)
            if self.raw[at + 1].text in ITEMS and self.is_outdented(self.raw[at + 1]):
                while self.stack:
                    self.unclosed()
        if self.top() in ("LPAR", "LSQB"):
            self.breaks.append((at, len(self.out)))
            return at + 1
        self.operators[-1] = 0
        if not self.out or self.out[-1].type != "_SEP":
            self.put(word)
        return at + 1

    def opener(self, at: int, word: Lexeme) -> int:
        if word.type == "LBRACE" and self.top() in ("LPAR", "LSQB"):
            if self.out[-1].type not in _GOES_ON:
                return self.go_back(at)
            self.bag.add(errors.brace_in_value(word.span))
            self.damaged.append(word.span.start)
            word.type = "LSQB"
        self.put(word)
        self.stack.append(len(self.out) - 1)
        self.operators.append(0)
        return at + 1

    def closer(self, at: int, word: Lexeme) -> int:
        if word.text == "}" and self.stack and self.top() == "LSQB" and self.out[self.stack[-1]].text == "{":
            word.type = "RSQB"
        opener = _OPENER[word.type]
        inner = self.inner_openers()
        if self.top() == opener:
            self.close(word)
        elif opener == "LBRACE" and any(self.out[i].type == "LBRACE" for i in self.stack):
            return self.go_back(at)
        elif opener in inner:
            self.unclosed()
            return at
        elif inner and opener != "LBRACE":
            self.wrong_closer(word)
        else:
            self.bag.add(errors.unmatched(word.span, word.text))
            self.damaged.append(word.span.start)
        return at + 1

    def inner_openers(self) -> list[str]:
        """Open ( and [ inside the innermost brace."""
        types = [self.out[i].type for i in self.stack]
        last = len(types) - 1 - types[::-1].index("LBRACE") if "LBRACE" in types else -1
        return types[last + 1 :]

    # --- closing ----------------------------------------------------------------------------------

    def close(self, word: Lexeme) -> None:
        word.opener = self.stack.pop()
        opener = self.out[word.opener]
        self.operators.pop()
        self.put(word)
        opener.close = len(self.out) - 1
        stands_alone = word.type == "RBRACE" and word.real and _begins_line(word.span)
        if stands_alone and _line_indent(word.span) < _line_indent(opener.span):
            self.crooked.append(opener.close)

    def wrong_closer(self, word: Lexeme) -> None:
        opener = self.out[self.stack[-1]]
        right = _CLOSER[opener.type]
        self.bag.add(errors.wrong_closer(word.span, word.text, opener.span, _TEXT[right]))
        self.damaged.append(word.span.start)
        self.close(Lexeme(right, _TEXT[right], word.span))

    def unclosed(self) -> None:
        """Report the innermost open bracket and close it here."""
        opener = self.out[self.stack[-1]]
        suspect = opener
        if opener.type == "LBRACE" and self.crooked:
            suspect = next(word for word in self.out if word.close == self.crooked[0])
            self.crooked.clear()
        closer = _CLOSER[opener.type]
        self.bag.add(errors.unclosed(suspect.span, opener.text, _TEXT[closer]))
        self.damaged.append(opener.span.start)
        while self.out[-1].type == "_SEP" and self.out[-1].parent == self.stack[-1]:
            self.out.pop()
        end = self.out[-1].span.end
        self.close(Lexeme(closer, _TEXT[closer], Span(opener.span.source, end, end), real=False))

    def go_back(self, at: int) -> int:
        """Close the innermost ( or [ where its statement most likely ended, and go on from there.

        That is the first line break inside it that follows neither a comma nor an operator; without
        one, here.
        """
        opener = self.stack[-1]
        place = next(
            ((raw, out) for raw, out in self.breaks if out > opener + 1 and self.out[out - 1].type not in _GOES_ON),
            (at, len(self.out)),
        )
        del self.out[place[1] :]
        while self.stack[-1] >= len(self.out):
            self.stack.pop()
            self.operators.pop()
        self.breaks = [pair for pair in self.breaks if pair[1] < place[1]]
        self.unclosed()
        return place[0]

    def is_outdented(self, word: Lexeme) -> bool:
        """Whether a line stands no further right than the line of the outermost open bracket."""
        return _line_indent(word.span) <= _line_indent(self.out[self.stack[0]].span)

    def begins_statement(self, at: int) -> bool:
        """Whether two words at the start of a line can only be the start of a statement or an item."""
        while at + 1 >= len(self.raw):
            if not self.more():
                return False
        first, second = self.raw[at].type, self.raw[at + 1].type
        word = first == "NAME" and self.raw[at].text in (*STATEMENTS, *ITEMS)
        return word and second in ("NAME", "STRING", "NUMBER")


def _begins_line(span: Span) -> bool:
    """Whether nothing but spaces stands before a bracket on its line."""
    return not span.source.line_text(span.line)[: span.column - 1].strip()


def _line_indent(span: Span) -> int:
    line = span.source.line_text(span.line)
    return len(line) - len(line.lstrip())
