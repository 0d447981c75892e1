"""`pool nodes(norm = rms) { block[72] = kind(...); skip = identity() }`: groups of modules to route among."""

from __future__ import annotations

from typing import Annotated

from dnac.ir.form import Form
from dnac.ir.graph import SharedSet
from dnac.kinds.params import From, Params
from dnac.semantics import errors_candidates, errors_names, errors_values
from dnac.semantics.bind import Owner, bind, given
from dnac.semantics.draft import Draft, origin
from dnac.semantics.modules import Wanted, count_params, make, note_shared, overridden, target
from dnac.semantics.naming import Place
from dnac.semantics.scope import Group, ModuleEntry, PoolEntry
from dnac.semantics.values import whole
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.limits import MOST_MEMBERS
from dnac.text.source import Span


class PoolParams(Params):
    """Arguments of `pool` and of `parallel`."""

    norm: Annotated[Form, From("norm")] = Form("none")
    """A norm that the pool owns: its router (`read = normed`) and its members share it."""


def declare_pool(pool: ast.PoolDecl, place: Place, draft: Draft) -> PoolEntry:
    """The pool with all its members' weights; members with faults are left out, and said.

    Raises:
        Wrong: the pool itself cannot be made.
    """
    name = place.name(pool.name.text)
    norm = shared_norm("pool", name, pool.args, pool.name.span, place, draft)
    norm_span = pool.name.span if norm else None
    groups = list[Group]()
    for member in pool.members:
        try:
            groups.append(_member(member, name, norm_span, place, draft))
            _keep_count(groups, draft)
        except Wrong as wrong:
            wrong.report(draft.bag)
            if draft.stopped:
                raise Wrong() from wrong
    if not pool.members:
        raise Wrong(errors_candidates.empty_pool(pool.name.text, pool.name.span))
    if len(groups) < len(pool.members):
        raise Wrong()
    return PoolEntry(name, tuple(groups), norm, pool.name.span)


def _keep_count(groups: list[Group], draft: Draft) -> None:
    """Refuse a pool that holds too many modules, before any is listed."""
    total = sum(1 if group.count is None else group.count for group in groups)
    if total > MOST_MEMBERS:
        draft.stop(Wrong(errors_values.too_large("modules in one pool", total, MOST_MEMBERS, groups[-1].span)))


def shared_norm(word: str, name: str, args: tuple[ast.Arg, ...], span: Span, place: Place, draft: Draft) -> str | None:
    """The name of the weights of a norm that a pool or a `parallel` owns, declared; None without one."""
    owner = Owner(word, span, place.scope, draft.width)
    fields = tuple(PoolParams.model_fields)
    arguments = given(owner, fields, args, draft.bag)
    arguments |= draft.overrides.fields(name, fields)
    bound = bind(owner, PoolParams, arguments, draft.bag)
    if bound is None:
        raise Wrong()
    kind: Form = bound.params.norm
    if kind.name == "none":
        return None
    draft.shared.append(SharedSet("norm", f"{name}.norm", kind, origin(span)))
    draft.add_params(draft.width or 0, span)
    return f"{name}.norm"


def _member(member: ast.Member, pool: str, norm: Span | None, place: Place, draft: Draft) -> Group:
    address = f"{pool}.{member.name.text}"
    count = _count(member, address, place, draft)
    wanted = overridden(Wanted(member.value, place.scope, address, norm), draft)
    found = target(wanted)
    if isinstance(found, ModuleEntry):
        return _reused(member, (found, count), pool, norm, draft)
    parts = make(wanted, draft)
    if count is not None and member.count is not None and any(part.of for part in parts):
        raise Wrong(errors_candidates.same_module_twice(member.value.span.text, member.count.span))
    draft.add_params((count or 1) * count_params(parts, draft), member.name.span)
    draft.add_module(address, count, parts, member.name.span)
    return Group(member.name.text, address, count, parts, member.name.span, pool)


def _reused(
    member: ast.Member, found: tuple[ModuleEntry, int | None], pool: str, norm: Span | None, draft: Draft
) -> Group:
    """A member that is a declared module: the same weights."""
    module, count = found
    if count is not None and member.count is not None:
        raise Wrong(errors_candidates.same_module_twice(member.value.span.text, member.count.span))
    if norm is not None:
        raise Wrong(errors_names.wrong_sort(member.value.span, "a module with its own norm", "a kind", module.span))
    note_shared(module, member.value.span, draft)
    return Group(member.name.text, module.member.set, None, module.parts, member.name.span, pool)


def _count(member: ast.Member, address: str, place: Place, draft: Draft) -> int | None:
    instead = draft.overrides.whole(f"{address}.count") if member.count is not None else None
    if member.count is None:
        return None
    expr, scope = (instead.value, instead.scope) if instead else (member.count, place.scope)
    what = f"the number of `{member.name.text}`"
    count = whole(expr, scope, what)
    if not 1 <= count <= MOST_MEMBERS:
        raise Wrong(errors_values.count_out_of_range(what, count, MOST_MEMBERS, expr.span))
    return count
