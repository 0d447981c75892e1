"""Names of one file, looked at without running it: twice, hidden, reserved, never used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dnac.semantics import errors_names as errors
from dnac.semantics import words
from dnac.semantics.files import Unit
from dnac.semantics.references import heads, settings_heads
from dnac.syntax import ast
from dnac.text.diagnostic import Bag
from dnac.text.source import Span

MUST_BE_USED = ("param", "recipe", "formal", "module", "pool", "router", "use")
"""Sorts of names that are a fault where nothing uses them. Turns and labels may stay unused."""


@dataclass(eq=False)
class Declared:
    """One declaration."""

    name: ast.Name
    sort: str
    is_used: bool = False


@dataclass(eq=False)
class Walk:
    """The walk over one file; `blocks` are the lexical scopes, outermost first."""

    bag: Bag
    blocks: list[dict[str, Declared]] = field(default_factory=list[dict[str, Declared]])
    own: dict[str, Span] = field(default_factory=dict[str, Span])
    """Names that the present net or recipe has used for things, in any of its blocks."""
    missed: set[str] = field(default_factory=set[str])
    """Names used above any declaration: whoever declares one of them later is not also unused."""

    def declare(self, name: ast.Name, sort: str, *, is_module: bool = False) -> None:
        """Put a name into the innermost block, with what is wrong about it. `is_module`: it may stand as a step."""
        meaning = words.reserved(name.text, is_module=is_module)
        first = self.own.get(name.text) or (d.name.span if (d := self.blocks[-1].get(name.text)) else None)
        outer = next((b[name.text] for b in self.blocks[:-1] if name.text in b), None)
        if meaning is not None:
            self.bag.add(errors.reserved_name(name, meaning))
        elif first is not None:
            self.bag.add(errors.duplicate_name(name, sort, first))
            return
        elif outer is not None:
            outer.is_used = True
            self.bag.add(errors.shadowed_name(name, sort, outer.name.span))
        self.blocks[-1][name.text] = Declared(name, sort, name.text in self.missed)
        if len(self.blocks) > 1 and sort != "turn":
            self.own[name.text] = name.span

    def use(self, names: Iterator[str]) -> None:
        """Mark names as used, wherever they are declared."""
        for name in names:
            found = next((b[name] for b in reversed(self.blocks) if name in b), None)
            if found is not None:
                found.is_used = True
            else:
                self.missed.add(name)

    def open(self) -> None:
        """Begin a block."""
        self.blocks.append({})

    def close(self, is_library: bool = False) -> None:
        """End a block: what it declared must have been used."""
        for declared in self.blocks.pop().values():
            if not declared.is_used and declared.sort in MUST_BE_USED and not is_library:
                self.bag.add(errors.unused_name(declared.name, declared.sort))


def check_names(unit: Unit, bag: Bag) -> None:
    """Add the faults of one file's names. A file without nets, or a used one, declares for others."""
    walk = Walk(bag)
    walk.open()
    aliases = {id(use): alias for use, alias, _ in unit.uses}
    for item in unit.tree.items:
        _item(item, aliases, walk)
    is_library = not any(isinstance(i, (ast.Net, ast.Derive)) for i in unit.tree.items)
    walk.close(is_library)


def _item(item: ast.Item, aliases: dict[int, str], walk: Walk) -> None:
    match item:
        case ast.Use():
            _use(item, aliases, walk)
        case ast.Param(name, value):
            walk.use(heads(value))
            walk.declare(name, "param")
        case ast.DefModule(name, formals, body):
            _recipe(formals, walk)
            _block(body, walk)
            _end(walk)
            walk.declare(name, "recipe", is_module=True)
        case ast.DefRouter(name, formals, body):
            _recipe(formals, walk)
            walk.use(settings_heads(body))
            _end(walk)
            walk.declare(name, "recipe")
        case ast.Net(name, body):
            walk.own = {}
            walk.open()
            _block(body, walk)
            _end(walk)
            walk.declare(name, "net")
        case ast.Derive(name, base, changes):
            walk.use(iter([base.head.text]))
            walk.use(settings_heads(changes))
            walk.declare(name, "net")
        case ast.Train(_, body):
            walk.use(settings_heads(body))


def _use(use: ast.Use, aliases: dict[int, str], walk: Walk) -> None:
    if id(use) not in aliases:
        return
    text = aliases[id(use)]
    name = use.alias or ast.Name(text, span=use.path.span)
    known = walk.blocks[-1].get(text)
    if use.alias is None and text == "std" and known is not None and known.sort == "use":
        return  # several files of std/ share one name
    walk.declare(name, "use")


def _recipe(formals: tuple[ast.Formal, ...], walk: Walk) -> None:
    walk.own = {}
    walk.open()
    for formal in formals:
        if formal.default is not None:
            walk.use(heads(formal.default))
        walk.declare(formal.name, "formal")


def _end(walk: Walk) -> None:
    walk.close()
    walk.own = {}


def _block(block: ast.Block, walk: Walk) -> None:
    for statement in block.statements:
        _statement(statement, walk)


def _statement(statement: ast.Statement, walk: Walk) -> None:
    match statement:
        case ast.Step():
            _step(statement, walk)
        case ast.PoolDecl(name, args, members):
            walk.use(h for a in args for h in heads(a.value))
            _members(members, walk)
            walk.declare(name, "pool")
        case ast.RouterDecl(name, value):
            walk.use(settings_heads(value) if isinstance(value, ast.Settings) else heads(value))
            walk.declare(name, "router")
        case ast.ModuleDecl(name, value):
            walk.use(heads(value))
            walk.declare(name, "module", is_module=True)
        case ast.Embed(name, value) | ast.Head(name, value) | ast.Budget(name, value):
            walk.use(heads(value))
            if name is not None:
                walk.declare(name, type(statement).__name__.lower())
        case ast.StreamDecl(name):
            walk.declare(name, "stream")
        case ast.Input(value) | ast.Assert(value):
            walk.use(heads(value))
        case ast.Init(target, value):
            walk.use(iter([target.head.text]))
            walk.use(heads(value))


def _members(members: tuple[ast.Member, ...], walk: Walk) -> None:
    first = dict[str, Span]()
    for member in members:
        meaning = words.reserved(member.name.text, is_module=False)
        if meaning is not None:
            walk.bag.add(errors.reserved_name(member.name, meaning))
        elif member.name.text in first:
            walk.bag.add(errors.duplicate_name(member.name, "member", first[member.name.text]))
        first.setdefault(member.name.text, member.name.span)
        walk.use(heads(member.value))
        if member.count is not None:
            walk.use(heads(member.count))


def _step(step: ast.Step, walk: Walk) -> None:
    if step.label is not None:
        walk.declare(step.label, "label")
    match step.action:
        case ast.Apply(value):
            walk.use(heads(value))
        case ast.Repeat(count, turn, body):
            walk.use(heads(count))
            walk.open()
            if turn is not None:
                walk.declare(turn, "turn")
            _block(body, walk)
            walk.close()
        case ast.Parallel(args, body):
            walk.use(h for a in args for h in heads(a.value))
            walk.open()
            _block(body, walk)
            walk.close()
        case ast.Route(over, by):
            walk.use(heads(over))
            walk.use(settings_heads(by) if isinstance(by, ast.Settings) else heads(by))
        case ast.Halt(by):
            walk.use(settings_heads(by) if isinstance(by, ast.Settings) else heads(by))
        case ast.Tap(target, args):
            walk.use(iter([target.head.text]))
            walk.use(h for a in args for h in heads(a.value))
