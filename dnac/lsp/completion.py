"""What could be written at a place: words of the language, fields, their values, names in scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dnac.kinds.document import takes
from dnac.kinds.params import Params
from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams
from dnac.lsp.describe import field_text, keyword_text, kind_text
from dnac.lsp.document import Document
from dnac.lsp.names import Declaration
from dnac.lsp.resolve import in_net, members_of, path_to
from dnac.lsp.where import Expected, Reader
from dnac.semantics import words as language
from dnac.semantics.files import STD
from dnac.semantics.slots import (
    ChoiceSlot,
    EitherSlot,
    EmbedSlot,
    FlagSlot,
    HeadSlot,
    ListSlot,
    MemberSlot,
    NoneSlot,
    NumberSlot,
    Slot,
    WordSlot,
)
from dnac.syntax import ast
from dnac.syntax.lexemes import Scan
from dnac.syntax.words import FORMS
from dnac.text.source import Span


@dataclass(frozen=True)
class Item:
    """One suggestion."""

    label: str
    sort: str
    """keyword, field, kind, value, file, or the sort of a declared name."""
    insert: str
    """What to write."""
    detail: str = ""
    text: str = ""
    """Markdown."""
    replaces: Span | None = None
    """What is written already, where that is more than a name."""


def complete(document: Document, offset: int) -> list[Item]:
    """All suggestions at a place, the most likely first, none twice."""
    words = document.words
    if words is None or _in_comment(words, offset):
        return []
    reader = Reader(document, words)
    index = reader.word_at(offset)
    expected = reader.expected(index)
    word = reader.words[index]
    is_inside = word.span.start < offset
    if is_inside and word.type == "STRING" and expected.file:
        return [Item(f'"{p}"', "file", f'"{p}"', replaces=word.span) for p in _files(document)]
    if is_inside and word.type in ("STRING", "NUMBER"):
        return []
    found = dict[str, Item]()
    for item in _items(document, expected, offset):
        if item.label:  # a name that the parser put in for a missing one is empty
            found.setdefault(item.label, item)
    return list(found.values())


def _in_comment(words: Scan, offset: int) -> bool:
    """Whether a comment begins earlier on the line; the spaces behind it are its own."""
    line = words.source.position(offset)[0]
    return any(c.span.start < offset and c.span.line == line for c in words.comments)


def _items(document: Document, expected: Expected, offset: int) -> Iterator[Item]:
    if expected.slot is not None:
        yield from _values(document, expected.slot, offset)
    yield from _arguments(expected)
    if expected.chain:
        yield from _parts(document, expected.chain, offset)
    if expected.paths:
        yield from _paths(document, offset)
    if expected.file:
        yield from (Item(f'"{p}"', "file", f'"{p}"') for p in _files(document))
    yield from (_named(d) for d in document.names.visible(offset) if d.sort in expected.sorts)
    for keyword in expected.keywords:
        yield Item(keyword, "keyword", keyword, FORMS.get(keyword, ""), keyword_text(keyword))


def _named(declaration: Declaration) -> Item:
    return Item(declaration.text, declaration.sort, declaration.text, declaration.sort)


def _arguments(expected: Expected) -> Iterator[Item]:
    """Fields and arguments that are not given yet."""
    if expected.fields is not None:
        yield from _fields(expected.fields, expected.taken)
    for formal in expected.formals:
        if formal.name.text not in expected.taken:
            yield Item(formal.name.text, "field", f"{formal.name.text} = ", "argument")


def _fields(params: type[Params], taken: tuple[str, ...] = ()) -> Iterator[Item]:
    for name, field in params.model_fields.items():
        if name not in taken:
            yield Item(name, "field", f"{name} = ", takes(field), field_text(params, name))


def _values(document: Document, slot: Slot, offset: int) -> Iterator[Item]:
    """What a slot takes."""
    match slot:
        case EitherSlot(options) | ListSlot(options, _):
            for option in options:
                yield from _values(document, option, offset)
        case MemberSlot():
            yield from (_named(d) for d in _members(document, offset))
        case EmbedSlot():
            yield from (_named(d) for d in document.names.visible(offset) if d.sort == "embed")
        case HeadSlot():
            yield from (_named(d) for d in document.names.visible(offset) if d.sort == "head")
        case _:
            yield from _fixed_values(slot)


def _fixed_values(slot: Slot) -> Iterator[Item]:
    """Words of the language that a slot takes."""
    match slot:
        case WordSlot(catalogue):
            for name in language.names(catalogue):
                yield Item(name, "kind", name, catalogue, kind_text(catalogue, name))
        case ChoiceSlot(words):
            yield from (Item(word, "value", word) for word in words)
        case FlagSlot():
            yield from (Item(word, "value", word) for word in ("true", "false"))
        case NoneSlot():
            yield Item("none", "value", "none")
        case NumberSlot(scheduled=True):
            yield Item("schedule", "value", "schedule(", "schedule(start, shape(target, until), ...)")
        case _:
            return


def _members(document: Document, offset: int) -> list[Declaration]:
    """Members of the pool that is routed here; of all pools above where that cannot be told."""
    pools = [d for d in document.names.visible(offset) if d.sort == "pool"]
    if document.unit is not None:
        route = next((n for n in path_to(document.unit.tree, offset) if isinstance(n, ast.Route)), None)
        if route is not None and isinstance(route.over, ast.Ref):
            named = [d for d in pools if d.text == route.over.head.text]
            pools = named or pools
    return [m for pool in pools for m in members_of(document.names, pool)]


def _parts(document: Document, chain: tuple[str, ...], offset: int) -> Iterator[Item]:
    """What may stand behind `nodes.`, `std.`, or, in a `with`, behind `hop.`."""
    if len(chain) == 1 and document.used(chain[0]):
        for unit in document.used(chain[0]):
            yield from (_named(d) for d in document.names_in(unit).all if d.sort in ("module recipe", "router recipe"))
        return
    found = document.names.find(chain[0], offset) or _of_base(document, chain[0], offset)
    if chain[-1] == "train":
        yield from _fields(TrainParams)
    elif found is not None and found.sort == "pool" and len(chain) == 1:
        yield from (_named(m) for m in members_of(document.names, found))
    elif found is not None and found.sort in ("label", "router") and len(chain) == 1:
        yield from _fields(RouterParams)


def _derive(document: Document, offset: int) -> ast.Derive | None:
    """The derivation that a place stands in, told from the words where its own text is broken."""
    items = document.unit.tree.items if document.unit is not None else ()
    return next((i for i in items if isinstance(i, ast.Derive) and i.span.start <= offset <= i.span.end), None)


def _of_base(document: Document, name: str, offset: int) -> Declaration | None:
    derive = _derive(document, offset)
    if derive is not None:
        return in_net(document, derive, name)
    return next((d for d in document.names.all if d.text == name and d.sort in ("label", "router", "pool")), None)


def _paths(document: Document, offset: int) -> Iterator[Item]:
    """First names of what a `with` may change: labels, routers, pools, modules and params."""
    wanted = ("label", "router", "pool", "module", "param", "head", "embed")
    derive = _derive(document, offset)
    base = document.names.top(derive.base.head.text) if derive is not None else None
    inside = document.names.inside(base.node) if base is not None else document.names.all
    yield from (_named(d) for d in inside if d.sort in wanted)
    yield Item("train", "keyword", "train.", "fields of the net's train block")


def _files(document: Document) -> list[str]:
    """What `use` may name: presets, and files below the folder of this one."""
    own = document.path_of(document.source)
    near = sorted(p.name for p in own.parent.glob("*.dna") if p.name != own.name)[:100]
    return [*(f"std/{p.name}" for p in sorted(STD.glob("*.dna"))), *near]
