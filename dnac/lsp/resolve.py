"""What stands at a place of the tree, and where the name there was declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from dnac.lsp.document import Document
from dnac.lsp.names import Declaration, Index
from dnac.semantics.files import Unit
from dnac.syntax import ast
from dnac.text.source import Span


@dataclass(frozen=True)
class Found:
    """A declaration, and the stretch of the open text that names it."""

    declaration: Declaration
    at: Span


def path_to(root: ast.Node, offset: int) -> list[ast.Node]:
    """The nodes around a place, outermost first. A place at the end of a node counts as inside."""
    path, node = [root], root
    while True:
        inside = [n for n in children(node) if n.span.start <= offset <= n.span.end]
        if not inside:
            return path
        node = max(inside, key=lambda n: n.span.start)  # between two neighbours, the one that begins here
        path.append(node)


def children(node: ast.Node) -> Iterator[ast.Node]:
    """The nodes that stand directly in one."""
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, ast.Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, ast.Node))  # type: ignore[misc]


def declaration_at(document: Document, offset: int) -> Found | None:
    """What the name at a place means; None where no declared name stands."""
    if document.unit is None:
        return None
    path = path_to(document.unit.tree, offset)
    leaf = path[-1]
    if isinstance(leaf, ast.String) and isinstance(path[-2], ast.Use):
        use = path[-2]
        found = next((d for d in document.names.all if d.node is use), None)
        return Found(found, leaf.span) if found is not None else None
    if not isinstance(leaf, ast.Name):
        return None
    found = _of_name(document, leaf, path[:-1])
    return Found(found, leaf.span) if found is not None else None


def used_file(document: Document, use: ast.Use) -> Unit | None:
    """The file behind a `use`."""
    uses = document.unit.uses if document.unit is not None else []
    return next((unit for each, _, unit in uses if each is use or each.span == use.span), None)


def _of_name(document: Document, leaf: ast.Name, above: Sequence[ast.Node]) -> Declaration | None:
    own = next((d for d in document.names.all if d.name is leaf), None)
    if own is not None:
        return own
    owner = above[-1]
    if isinstance(owner, ast.Train):
        return document.names.top(leaf.text)
    if isinstance(owner, ast.Arg):
        call = above[-2]
        return _formal(document, call.callee, leaf.text) if isinstance(call, ast.Call) else None
    if isinstance(owner, ast.Field):
        ref = above[-2]
        assert isinstance(ref, ast.Ref)
        return _tail(document, ref, owner, above[:-2])
    if isinstance(owner, ast.Ref):
        return _head(document, leaf, owner, above[:-1])
    return None


def _head(document: Document, name: ast.Name, ref: ast.Ref, above: Sequence[ast.Node]) -> Declaration | None:
    """The first name of a reference."""
    owner = above[-1]
    if isinstance(owner, ast.Setting) and owner.target is ref:
        derive = next((n for n in above if isinstance(n, ast.Derive)), None)
        return in_net(document, derive, name.text) if derive is not None else None
    found = document.names.find(name.text, name.span.start)
    return found or member(document, name.text, above) or _in_enclosing(document, name.text, above)


def _tail(document: Document, ref: ast.Ref, field: ast.Field, above: Sequence[ast.Node]) -> Declaration | None:
    """A name behind a dot: a member of a pool, or something of a used file."""
    names = [t.name for t in ref.tail if isinstance(t, ast.Field)]
    before = ref.tail[: ref.tail.index(field)]
    head = _head(document, ref.head, ref, above)
    if head is None or any(isinstance(t, ast.Field) for t in before):
        return None
    wanted = names[0].text
    if head.sort == "file":
        return in_file(document, head.text, wanted)
    return next((d for d in members_of(document.names, head) if d.text == wanted), None)


def in_file(document: Document, alias: str, name: str) -> Declaration | None:
    """A declaration of the files known under a name."""
    found = (document.names_in(unit).top(name) for unit in document.used(alias))
    return next((d for d in found if d is not None), None)


def recipe(document: Document, callee: ast.Ref) -> Declaration | None:
    """The recipe that a call names, here or in a used file."""
    fields_ = [t.name.text for t in callee.tail if isinstance(t, ast.Field)]
    if fields_:
        found = in_file(document, callee.head.text, fields_[-1])
    else:
        found = document.names.find(callee.head.text, callee.span.start)
    return found if found is not None and found.sort.endswith("recipe") else None


def formals(declaration: Declaration) -> tuple[ast.Formal, ...]:
    """The parameters of a recipe."""
    node = declaration.node
    return node.formals if isinstance(node, (ast.DefModule, ast.DefRouter)) else ()


def members_of(names: Index, pool: Declaration) -> list[Declaration]:
    """The members of a pool."""
    if not isinstance(pool.node, ast.PoolDecl):
        return []
    return [d for d in names.inside(pool.node) if d.sort == "member"]


def in_net(document: Document, net: ast.Net | ast.Derive, name: str) -> Declaration | None:
    """A name of a net, at any depth; of a derived net, that of its base."""
    seen = set[int]()
    while isinstance(net, ast.Derive) and id(net) not in seen:
        seen.add(id(net))
        base = document.names.top(net.base.head.text)
        if base is None or net.base.tail or not isinstance(base.node, (ast.Net, ast.Derive)):
            return None
        net = base.node
    found = [d for d in document.names.inside(net) if d.text == name]
    return min(found, key=lambda d: d.sort == "member", default=None)


def member(document: Document, name: str, above: Sequence[ast.Node]) -> Declaration | None:
    """A member by its bare name: of the pool that the route around it chooses from, else of any pool of the net."""
    route = next((n for n in reversed(above) if isinstance(n, ast.Route)), None)
    if route is not None and isinstance(route.over, ast.Ref):
        pool = document.names.find(route.over.head.text, route.over.span.start)
        found = next((d for d in members_of(document.names, pool) if d.text == name), None) if pool else None
        if found is not None:
            return found
    derive = next((n for n in above if isinstance(n, ast.Derive)), None)
    found = in_net(document, derive, name) if derive is not None else _in_enclosing(document, name, above)
    return found if found is not None and found.sort == "member" else None


def _formal(document: Document, callee: ast.Ref, name: str) -> Declaration | None:
    found = recipe(document, callee)
    if found is None:
        return None
    source = found.name.span.source
    formal = next((f for f in formals(found) if f.name.text == name), None)
    return Declaration(formal.name, "formal", formal, Span(source, 0, 0)) if formal is not None else None


def _in_enclosing(document: Document, name: str, above: Sequence[ast.Node]) -> Declaration | None:
    net = next((n for n in above if isinstance(n, ast.Net)), None)
    return in_net(document, net, name) if net is not None else None
