"""Declarations of one file: each name with its sort and the stretch of text in which it can be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dnac.semantics.files import alias_of
from dnac.syntax import ast
from dnac.text.source import Span


@dataclass(frozen=True, eq=False)
class Declaration:
    """One name where it is declared."""

    name: ast.Name
    sort: str
    """param, formal, turn, module recipe, router recipe, net, file, module, pool, member, router, embed, head,
    budget, stream or label."""
    node: ast.Node
    home: Span
    """Where the name means this."""

    @property
    def text(self) -> str:
        """The name."""
        return self.name.text


@dataclass(frozen=True)
class Index:
    """All declarations of a file, in the order of the text."""

    all: tuple[Declaration, ...]

    def find(self, name: str, offset: int) -> Declaration | None:
        """What a name means at a place: the innermost declaration around it."""
        found = [d for d in self.all if d.text == name and _covers(d.home, offset)]
        return min(found, key=lambda d: (d.home.end - d.home.start, d.name.span.start), default=None)

    def top(self, name: str) -> Declaration | None:
        """A param, recipe, net or used file."""
        return next((d for d in self.all if d.text == name and d.sort in TOP), None)

    def visible(self, offset: int) -> list[Declaration]:
        """What can be used at a place: declared above it, in a block around it, and not hidden."""
        names = dict.fromkeys(d.text for d in self.all if d.name.span.end < offset and _covers(d.home, offset))
        found = (self.find(name, offset) for name in names)
        return [d for d in found if d is not None and d.name.span.end < offset]

    def inside(self, node: ast.Node) -> list[Declaration]:
        """What a net or recipe declares, at any depth."""
        start, end = node.span.start, node.span.end
        return [d for d in self.all if d.node is not node and start <= d.name.span.start and d.name.span.end <= end]


TOP = ("param", "module recipe", "router recipe", "net", "file")
"""Sorts that a whole file knows."""


def index(tree: ast.File) -> Index:
    """The declarations of a file."""
    source = tree.span.source
    return Index(tuple(_file(tree, Span(source, 0, len(source.text)))))


def _covers(home: Span, offset: int) -> bool:
    return home.start <= offset <= home.end


def _file(tree: ast.File, whole: Span) -> Iterator[Declaration]:
    for item in tree.items:
        match item:
            case ast.Use(path, alias):
                yield Declaration(alias or ast.Name(alias_of(item), span=path.span), "file", item, whole)
            case ast.Param(name):
                yield Declaration(name, "param", item, whole)
            case ast.DefModule(name, formals, body):
                yield Declaration(name, "module recipe", item, whole)
                yield from (Declaration(f.name, "formal", f, item.span) for f in formals)
                yield from _block(body)
            case ast.DefRouter(name, formals):
                yield Declaration(name, "router recipe", item, whole)
                yield from (Declaration(f.name, "formal", f, item.span) for f in formals)
            case ast.Net(name, body):
                yield Declaration(name, "net", item, whole)
                yield from _block(body)
            case ast.Derive(name):
                yield Declaration(name, "net", item, whole)
            case ast.Train():
                pass


def _block(block: ast.Block) -> Iterator[Declaration]:
    for statement in block.statements:
        match statement:
            case ast.Step(label, action):
                if label is not None:
                    yield Declaration(label, "label", statement, block.span)
                yield from _inner(action)
            case ast.PoolDecl(name, _, members):
                yield Declaration(name, "pool", statement, block.span)
                yield from (Declaration(m.name, "member", m, m.name.span) for m in members)
            case ast.ModuleDecl() | ast.RouterDecl() | ast.Head() | ast.Budget() | ast.StreamDecl() | ast.Embed():
                if statement.name is not None:
                    yield Declaration(statement.name, _SORTS[type(statement)], statement, block.span)
            case ast.Input() | ast.Init() | ast.Assert():
                pass


def _inner(action: object) -> Iterator[Declaration]:
    if isinstance(action, ast.Repeat):
        if action.turn is not None:
            yield Declaration(action.turn, "turn", action, action.body.span)
        yield from _block(action.body)
    elif isinstance(action, ast.Parallel):
        yield from _block(action.body)


_SORTS: dict[type[ast.Node], str] = {
    ast.ModuleDecl: "module", ast.RouterDecl: "router", ast.Head: "head", ast.Budget: "budget",
    ast.StreamDecl: "stream", ast.Embed: "embed",
}  # fmt: skip
