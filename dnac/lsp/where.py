"""What may stand at a place, told from the words around it: this also works in a half-written statement."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from dnac.kinds.params import Params
from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams
from dnac.lsp.document import Document
from dnac.lsp.resolve import formals, in_file
from dnac.semantics import words as language
from dnac.semantics.asserts import FACTS, QUANTITIES
from dnac.semantics.pools import PoolParams
from dnac.semantics.slots import EitherSlot, ListSlot, NumberSlot, Slot, WordSlot, literal_words, slots_of
from dnac.syntax import ast
from dnac.syntax.lexemes import Lexeme, Scan
from dnac.syntax.words import DECLARATIONS, ITEMS, STEPS

MODULES = ("module", "module recipe", "file")
ROUTERS = ("router", "router recipe", "file")
VALUES = ("param", "formal", "turn", "file")


@dataclass(frozen=True)
class Expected:
    """What may stand at a place."""

    keywords: tuple[str, ...] = ()
    slot: Slot | None = None
    """A value of this slot."""
    fields: type[Params] | None = None
    """Names of these fields, before `=`."""
    formals: tuple[ast.Formal, ...] = ()
    """The same for a recipe."""
    taken: tuple[str, ...] = ()
    """Fields that are given already."""
    sorts: tuple[str, ...] = ()
    """Declared names of these sorts."""
    chain: tuple[str, ...] = ()
    """Names before a dot, of which a part shall stand here."""
    paths: bool = False
    """Names of the steps and pools of a net's base, in `with`."""
    file: bool = False
    """The path of a file."""
    in_call: bool = False
    """Fields are arguments, in parentheses."""


NOTHING = Expected()


class Reader:
    """Reads the words of one document."""

    def __init__(self, document: Document, words: Scan) -> None:
        self.document = document
        self.words = words.lexemes
        self.starts = [w.span.start for w in self.words[:-1]]  # the last word, the end, has no place of its own

    def word_at(self, offset: int) -> int:
        """Index of the word that holds a place or ends there; else of the first word behind it."""
        index = bisect_left(self.starts, offset)
        while index > 0 and self.words[index - 1].span.end >= offset and self._touches(self.words[index - 1]):
            index -= 1
        return index

    def _touches(self, word: Lexeme) -> bool:
        return word.type in ("NAME", "NUMBER", "STRING") or not word.real

    def expected(self, index: int) -> Expected:
        """What may stand in place of the word at `index`."""
        before = self._before(index)
        if before >= 0 and self.words[before].type == "DOT":
            return Expected(chain=self._chain(before))
        opener = self._opener(before)
        kind = self.words[opener].type if opener >= 0 else "file"
        if kind == "LPAR":
            return self._argument(opener, before)
        if kind == "LSQB":
            return self._item(opener)
        return self._statement(opener, before)

    # --- helpers over words ----------------------------------------------------------------------

    def _before(self, index: int) -> int:
        """The last word of the text before `index`; words put in by the scanner do not count."""
        index -= 1
        while index >= 0 and not self.words[index].real:
            index -= 1
        return index

    def _opener(self, before: int) -> int:
        """The innermost bracket that is open behind the word `before`."""
        if before < 0:
            return -1
        word = self.words[before]
        if word.type in ("LPAR", "LSQB", "LBRACE"):
            return before
        return self.words[word.opener].parent if word.opener >= 0 else word.parent

    def _chain(self, dot: int) -> tuple[str, ...]:
        """The names in front of a dot: `a.b[2].` is (a, b)."""
        names, index = list[str](), dot
        while index > 0 and self.words[index].type == "DOT":
            index -= 1
            while self.words[index].type == "RSQB":
                index = self.words[index].opener - 1
            if index < 0 or self.words[index].type != "NAME":
                break
            names.insert(0, self.words[index].text)
            index -= 1
        return tuple(names)

    def _part(self, opener: int, before: int, ends: tuple[str, ...]) -> list[int]:
        """The words directly in a bracket since the last separator, up to `before`."""
        found = list[int]()
        index = before
        while index > opener:
            word = self.words[index]
            if word.opener >= 0:
                index = word.opener
            elif word.type in ends:
                break
            found.insert(0, index)
            index -= 1
        return found

    def _texts(self, indices: list[int]) -> list[str]:
        return [self.words[i].text for i in indices]

    def _callee(self, opener: int) -> int:
        """The first word of `a.b` in front of a bracket."""
        index = opener - 1
        while index >= 2 and self.words[index - 1].type == "DOT" and self.words[index - 2].type == "NAME":
            index -= 2
        return index

    # --- calls and lists -------------------------------------------------------------------------

    def _argument(self, opener: int, before: int) -> Expected:
        owner = self.call(opener)
        part = self._texts(self._part(opener, before, ("COMMA",)))
        if part and part[1:2] != ["="]:
            return Expected(sorts=VALUES)
        if part:
            return self._value(owner.fields, part[0]) if len(part) == 2 else Expected(sorts=VALUES)
        if owner.fields is None:
            return replace(owner, sorts=VALUES, in_call=True)
        place = sum(w.type == "COMMA" and w.parent == opener for w in self.words[opener : before + 1])
        names = tuple(slots_of(owner.fields))
        by_place = place < len(names) and not owner.taken
        slot = slots_of(owner.fields)[names[place]] if by_place else None
        return replace(owner, slot=slot, sorts=VALUES, in_call=True)

    def call(self, opener: int) -> Expected:
        """The fields of the word before a `(`, those given already, and what its positional arguments are."""
        start = self._callee(opener)
        if start < 0 or self.words[start].type != "NAME":
            return NOTHING
        callee = [w.text for w in self.words[start:opener] if w.type == "NAME"]
        taken = tuple(
            self.words[i].text
            for i in range(opener + 1, len(self.words) - 1)
            if self.words[i].parent == opener and self.words[i].type == "NAME" and self.words[i + 1].type == "EQUAL"
        )
        head = self.words[start - 1].text if start > 0 else ""
        if callee == ["parallel"] or head == "pool":
            return Expected(fields=PoolParams, taken=taken)
        if callee == ["schedule"]:
            return Expected(slot=EitherSlot((NumberSlot(False), WordSlot("shape"))))
        kind = self.kind(start, callee[-1])
        if kind is not None:
            return Expected(fields=kind, taken=taken)
        if len(callee) > 1:
            found = in_file(self.document, callee[0], callee[-1])
        else:
            found = self.document.names.find(callee[0], self.words[start].span.start)
        return Expected(formals=formals(found) if found is not None else (), taken=taken)

    def kind(self, index: int, word: str) -> type[Params] | None:
        """The arguments of a word of the language at a place."""
        of = self.catalogue(index, word)
        return language.kind(of, word).Params if of is not None else None

    def catalogue(self, index: int, word: str) -> str | None:
        """The catalogue that the word at a place belongs to, by what may stand there."""
        return next((of for of in catalogues(self.expected(index).slot) if language.has(of, word)), None)

    def is_own_word(self, index: int) -> bool:
        """Whether the field at a place takes the word that stands there as one of its own."""
        slot, word = self.expected(index).slot, self.words[index].text
        return self.catalogue(index, word) is not None or (slot is not None and word in literal_words(slot))

    def _item(self, opener: int) -> Expected:
        """Inside `[`: an index, or an item of a list."""
        head = self.words[opener - 1] if opener > 0 else None
        if head is not None and head.type == "NAME" and head.text != "route":
            return Expected(sorts=VALUES)
        if head is not None and head.text == "route":
            return Expected(slot=WordSlot("module"), sorts=("pool", *MODULES))
        return Expected(slot=list_item(self.expected(opener).slot), sorts=VALUES)

    # --- statements ------------------------------------------------------------------------------

    def _statement(self, opener: int, before: int) -> Expected:
        part = self._texts(self._part(opener, before, ("_SEP",)))
        owner = self.block(opener)
        if owner in ("router", "train"):
            params = RouterParams if owner == "router" else TrainParams
            return self._setting(params, part, opener)
        if owner == "with":
            return self._change(part)
        if owner == "file":
            return _item_of_file(part)
        if owner == "pool":
            return Expected(slot=WordSlot("module"), sorts=MODULES) if part[-1:] == ["="] else NOTHING
        return self._in_block(part)

    def block(self, opener: int) -> str:
        """What a `{` belongs to: file, block, pool, router, train or with."""
        if opener < 0:
            return "file"
        parent = self._opener(opener - 1)
        head = self._texts(self._part(parent, opener - 1, ("_SEP",)))
        if head[1:2] == [":"]:
            head = head[2:]
        if head[-1:] == ["with"]:
            return "with"
        if head[:2] == ["def", "router"] or head[-1:] == ["by"]:
            return "router"
        return head[0] if head[:1] in (["pool"], ["router"], ["train"]) else "block"

    def _setting(self, params: type[Params], part: list[str], opener: int) -> Expected:
        if not part:
            taken = tuple(
                w.text
                for w, follower in zip(self.words[opener + 1 :], self.words[opener + 2 :], strict=False)
                if w.parent == opener and w.type == "NAME" and follower.type == "EQUAL"
            )
            return Expected(fields=params, taken=taken)
        if part[-1] == "=":
            return self._value(params, part[0])
        return Expected(sorts=VALUES) if "=" in part else NOTHING

    def _change(self, part: list[str]) -> Expected:
        """In `with { hop.choose = ... }`."""
        if not part:
            return Expected(paths=True)
        if part[-1] != "=":
            return Expected(sorts=VALUES) if "=" in part else NOTHING
        field = part[-2]
        params = next((p for p in (RouterParams, TrainParams) if field in p.model_fields), None)
        return self._value(params, field) if len(part) > 2 else Expected(sorts=VALUES)

    def _value(self, params: type[Params] | None, field: str) -> Expected:
        slot = slots_of(params).get(field) if params is not None else None
        return Expected(slot=slot, sorts=VALUES)

    def _in_block(self, part: list[str]) -> Expected:
        if not part:
            return Expected((*DECLARATIONS, *STEPS), WordSlot("module"), sorts=MODULES)
        if part[-1] == ":":
            return Expected(STEPS, WordSlot("module"), sorts=MODULES)
        word, last = part[0], part[-1]
        if part[1:2] == [":"]:
            word = part[2]
        if word in ("input", "embed") and (len(part) == 1 or last == "="):
            return Expected(slot=WordSlot(word))
        if word in ("head", "module") and last == "=":
            return Expected(slot=WordSlot(word), sorts=MODULES if word == "module" else ())
        if last == "by" or (word == "router" and last == "="):
            return Expected(sorts=ROUTERS)
        if word == "route":
            return Expected(sorts=("pool",)) if last == "route" else Expected(("by",))
        if word == "repeat" and len(part) > 1:
            return Expected(("as",))
        if word == "assert":
            return Expected((*FACTS, "not_causal", *QUANTITIES), sorts=VALUES)
        return Expected(sorts=VALUES) if word == "repeat" or last in "+-*/" else NOTHING


def _item_of_file(part: list[str]) -> Expected:
    if not part:
        return Expected(ITEMS)
    match part:
        case ["use"]:
            return Expected(file=True)
        case ["use", _]:
            return Expected(("as",))
        case ["def"]:
            return Expected(("module", "router"))
        case ["train"] | ["net", _, "="]:
            return Expected(sorts=("net", "file"))
        case ["net", _, "=", *_]:
            return Expected(("with",))
        case ["param", _, *_]:
            return Expected(sorts=VALUES)
        case _:
            return NOTHING


def catalogues(slot: Slot | None) -> tuple[str, ...]:
    """The catalogues whose words a slot takes, in a list or not."""
    match slot:
        case WordSlot(catalogue):
            return (catalogue,)
        case NumberSlot(scheduled=True):
            return ("shape",)
        case EitherSlot(options) | ListSlot(options, _):
            return tuple(of for option in options for of in catalogues(option))
        case _:
            return ()


def list_item(slot: Slot | None) -> Slot | None:
    """What an item of a list is."""
    match slot:
        case ListSlot(items, _):
            return items[0]
        case EitherSlot(options):
            return next((list_item(o) for o in options if list_item(o) is not None), None)
        case _:
            return None
