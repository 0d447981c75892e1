"""Where a net begins and ends: `input`, `embed`, `head`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from dnac.ir.graph import Embed, SharedSet
from dnac.kinds.base import EmbedKind, Fault, HeadKind, Kind, Site, WeightSpec
from dnac.semantics import errors_names, errors_values, words
from dnac.semantics import errors_shapes as errors
from dnac.semantics.bind import Bound, Owner, bind, given
from dnac.semantics.draft import Draft, origin
from dnac.semantics.naming import Place
from dnac.semantics.scope import SharedEntry
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.source import Span


def declare_input(statement: ast.Input, place: Place, draft: Draft) -> None:
    """`input text(...)`: what comes in."""
    if draft.source_span is not None:
        raise Wrong(errors.second_part("input", statement.span, draft.source_span))
    draft.source_span = statement.value.span
    kind, bound = _bound("input", statement.value, "input", place, draft)
    draft.source, draft.source_params, draft.input = kind, bound.params, bound.params.form(kind.name)


def declare_embed(statement: ast.Embed, place: Place, draft: Draft) -> None:
    """`embed tokens(...)`: the first stream value, and the width of all that follows."""
    name = statement.name.text if statement.name else "embed"
    if draft.width_span is not None:
        raise Wrong(errors.second_part("embed", statement.value.callee.span, draft.width_span))
    draft.width_span = statement.value.span
    if draft.source_span is None:
        raise Wrong(errors.too_early("embed", "input", statement.value.callee.span))
    kind, bound = _bound("embed", statement.value, name, place, draft)
    draft.width_span = bound.at("width", statement.value.span)
    if draft.source is None or draft.input is None:
        raise Wrong()
    _accepts(kind, statement.value, draft)
    _complain(kind, kind.check(bound.params, draft.source_params), bound, statement.value.span)
    draft.embed = SharedSet("embed", name, bound.params.form(kind.name), origin(statement.span))
    draft.shared.append(draft.embed)
    draft.site = _site(kind, bound, draft)
    _count(kind.weights(bound.params, draft.source_params), draft, statement.span)
    node = Embed(draft.fresh(), name, origin(statement.span))
    draft.add_node(node, statement.span)
    draft.x = node.id


def declare_head(statement: ast.Head, place: Place, draft: Draft) -> None:
    """`head lm = unembed(...)`: the stream's last value to outputs, wherever it is declared."""
    name = statement.name.text
    if draft.heads:
        raise Wrong(errors.second_head(statement.name, draft.heads[0][2]))
    if draft.width_span is None:
        raise Wrong(errors.too_early("head", "embed", statement.value.callee.span))
    kind, bound = _bound("head", statement.value, name, place, draft)
    if draft.source is None or draft.embed is None or draft.site is None:
        raise Wrong()
    _accepts(kind, statement.value, draft)
    _complain(kind, kind.check(bound.params, draft.embed.kind), bound, statement.value.span)
    table = draft.embed.name if kind.ties(bound.params) else None
    weights = SharedSet("head", name, bound.params.form(kind.name), origin(statement.name.span))
    outputs = draft.source.outputs(draft.source_params)
    _count(kind.weights(bound.params, draft.site.width, outputs), draft, statement.span)
    draft.heads.append((weights, table, statement.name.span))


def entry_of(statement: ast.Embed | ast.Head) -> SharedEntry | None:
    """What the name of an embed or head stands for."""
    if statement.name is None:
        return None
    role = "embed" if isinstance(statement, ast.Embed) else "head"
    return SharedEntry(role, statement.name.text, statement.name.span)


def _bound(catalogue: str, call: ast.Call, address: str, place: Place, draft: Draft) -> tuple[Any, Bound]:
    """The kind behind a call, and its params."""
    instead = draft.overrides.whole(address)
    scope = place.scope
    if instead is not None:
        if not isinstance(instead.value, ast.Call):
            wanted = f"a word for `{catalogue}` with its arguments"
            raise Wrong(errors_names.wrong_sort(instead.value.span, "a value", wanted, call.span))
        call, scope = instead.value, instead.scope
    kind = _kind(catalogue, call)
    owner = Owner(kind.name, call.callee.span, scope, draft.width)
    fields = tuple(kind.Params.model_fields)
    arguments = given(owner, fields, call.args, draft.bag) | draft.overrides.fields(address, fields)
    bound = bind(owner, kind.Params, arguments, draft.bag)
    if bound is None:
        raise Wrong()
    return kind, bound


def _kind(catalogue: str, call: ast.Call) -> Kind:
    ref = call.callee
    if not ref.tail and words.has(catalogue, ref.head.text):
        return words.kind(catalogue, ref.head.text)
    why = words.planned(catalogue, ref.head.text)
    if why is not None:
        raise Wrong(errors_values.unsupported(f"`{ref.head.text}`", ref.span, why))
    raise Wrong(errors_values.unknown_word(catalogue, ref.span.text, ref.span, words.names(catalogue)))


def _accepts(kind: EmbedKind | HeadKind, call: ast.Call, draft: Draft) -> None:
    assert draft.source is not None and draft.source_span is not None
    name = draft.source.name
    if kind.accepts != name:
        of = "embed" if isinstance(kind, EmbedKind) else "head"
        fitting = [word for word in words.names(of) if words.kind(of, word).accepts == name]
        source = draft.source_span
        raise Wrong(errors.wrong_input(kind.name, kind.accepts, (name, fitting), call.callee.span, source))


def _complain(kind: Kind, faults: Iterable[Fault], bound: Bound, span: Span) -> None:
    found = [errors.embed_fault(kind.name, f.message, f.help, bound.at(f.field, span)) for f in faults]
    if found:
        raise Wrong(*found)


def _site(kind: EmbedKind, bound: Bound, draft: Draft) -> Site:
    assert draft.source is not None
    return Site(
        width=kind.width(bound.params),
        tokens=kind.tokens(bound.params, draft.source_params),
        causal=draft.source.causal,
        positions=kind.hands_on(bound.params),
        grid=kind.grid(bound.params, draft.source_params),
    )


def _count(specs: Iterable[WeightSpec], draft: Draft, span: Span) -> None:
    draft.add_params(sum(math.prod(s.shape) for s in specs), span)
