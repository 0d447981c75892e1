"""A call in a module's place to its parts: kinds, and flat recipes of kinds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dnac.ir.form import Form
from dnac.ir.graph import EXIT, Part
from dnac.kinds.base import Fault, ModuleKind, params_of
from dnac.kinds.rates import LAYER_DROPOUT
from dnac.semantics import errors_names, errors_routing, errors_shapes, words
from dnac.semantics import errors_values as errors
from dnac.semantics.bind import Bound, Owner, bind, given
from dnac.semantics.draft import Draft, Made
from dnac.semantics.naming import last_word, step_names
from dnac.semantics.numbers import Quantity
from dnac.semantics.recipes import least_steps, module_of, not_flat, recipe_scope
from dnac.semantics.references import heads
from dnac.semantics.scope import Constant, Entry, ModuleEntry, PoolEntry, Recipe, Scope, sort_of
from dnac.semantics.values import resolve, unknown, whole
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic
from dnac.text.limits import MOST_PARTS, MOST_TURNS
from dnac.text.source import Span

CHAIN = "chain"
"""The one kind that is made of declared modules."""


@dataclass(frozen=True)
class Wanted:
    """A module to make: the text, its scope, its canonical name, and the norm it shares if any."""

    value: ast.Call | ast.Ref
    scope: Scope
    address: str
    norm: Span | None = None

    @property
    def ref(self) -> ast.Ref:
        """The word or name."""
        return self.value.callee if isinstance(self.value, ast.Call) else self.value

    @property
    def args(self) -> tuple[ast.Arg, ...]:
        """Its arguments."""
        return self.value.args if isinstance(self.value, ast.Call) else ()


def overridden(wanted: Wanted, draft: Draft) -> Wanted:
    """The module that a setting puts in this place, else the one in the file."""
    instead = draft.overrides.whole(wanted.address)
    if instead is None:
        return wanted
    if not isinstance(instead.value, (ast.Call, ast.Ref)):
        raise Wrong(errors_names.wrong_sort(instead.value.span, "a value", "a module", wanted.value.span))
    return replace(wanted, value=instead.value, scope=instead.scope)


def target(wanted: Wanted) -> str | Recipe | ModuleEntry:
    """What the text names: a kind's word, a recipe, or a declared module.

    Raises:
        Wrong: it names nothing, or another sort of thing.
    """
    ref = wanted.ref
    text = ref.head.text
    if not ref.tail and words.has("module", text):
        return text
    if wanted.scope.find(text) is None:
        why = words.planned("module", text)
        if why is not None and not ref.tail:
            raise Wrong(errors.unsupported(f"`{text}`", ref.span, why))
        raise Wrong(_nothing(ref, wanted.scope))
    entry, tail = resolve(ref, wanted.scope)
    return _entry(entry, bool(tail), wanted)


def make(wanted: Wanted, draft: Draft) -> tuple[Part, ...]:
    """The parts of one module. In the next turn of a repeat they are the same, unless a name means another thing.

    Raises:
        Wrong: it cannot be made; faults already in the bag are not in it.
    """
    if draft.overrides.items:  # a setting may differ by address, and is noted as hit
        return _made(wanted, draft)
    known = draft.made.get(id(wanted.value))
    names = tuple(heads(wanted.value)) if known is None else known.names
    meant = tuple(wanted.scope.find(name) for name in names)
    if known is not None and known.has_norm == (wanted.norm is not None) and _same(known.meant, meant):
        return known.parts
    parts = _made(wanted, draft)
    draft.made[id(wanted.value)] = Made(names, meant, wanted.norm is not None, parts)
    return parts


def _same(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return all(a is b for a, b in zip(first, second, strict=True))


def _made(wanted: Wanted, draft: Draft) -> tuple[Part, ...]:
    found = target(wanted)
    if isinstance(found, ModuleEntry):
        raise Wrong(errors_names.wrong_sort(wanted.ref.span, sort_of(found), "a kind or recipe", found.span))
    if found == CHAIN:
        parts = _joined(wanted, draft)
    elif isinstance(found, str):
        parts = _kind_parts(found, wanted, draft)
    else:
        why = not_flat(found)
        if why is not None:
            raise Wrong(errors_shapes.rolled_out_module(wanted.ref.span.text, why[0], wanted.ref.span))
        parts = _chain(found, wanted, draft)
    if len(parts) > 1 and any(part.kind.name == EXIT for part in parts):
        raise Wrong(errors_routing.exit_as_step(wanted.value.span))
    if wanted.norm is not None and len(parts) > 1:
        word = last_word(wanted.value)
        raise Wrong(errors_shapes.several_parts_under_one_norm(word, len(parts), wanted.value.span, wanted.norm))
    return parts


def _joined(wanted: Wanted, draft: Draft) -> tuple[Part, ...]:
    """The parts of declared modules in sequence, with the weights of these modules."""
    if not wanted.args:
        raise Wrong(errors.field_sum("`chain` names no module", wanted.value.span, "write `chain(a, b)`"))
    if wanted.norm is not None:
        word = last_word(wanted.value)
        raise Wrong(errors_shapes.several_parts_under_one_norm(word, len(wanted.args), wanted.value.span, wanted.norm))
    parts = list[Part]()
    for arg in wanted.args:
        found = _declared(arg, wanted.scope)
        note_shared(found, arg.value.span, draft)
        for part in found.parts:
            _append(replace(part, of=part.home(found.member.set)), f"{last_word(arg.value)}.{part.name}", parts)  # type: ignore[arg-type]
            if len(parts) > MOST_PARTS:
                draft.stop(Wrong(errors.too_large("parts in one module", len(parts), MOST_PARTS, wanted.value.span)))
    return tuple(parts)


def _declared(arg: ast.Arg, scope: Scope) -> ModuleEntry:
    """The single module that an argument of `chain` names."""
    value = arg.value
    if arg.name is not None or not isinstance(value, ast.Ref):
        raise Wrong(errors_names.wrong_sort(value.span, "written in place", "a declared module", value.span))
    entry, tail = resolve(value, scope)
    if not isinstance(entry, ModuleEntry) or tail:
        raise Wrong(errors_names.wrong_sort(value.span, sort_of(entry), "a declared module", entry.span))
    return entry


def note_shared(found: ModuleEntry, span: Span, draft: Draft) -> None:
    """Say that turns of a repeat share weights: it is what a declared name means, and easily overlooked."""
    turns = draft.turns // draft.made_in.get(found.member.set, draft.turns)
    if turns > 1 and found.parts:
        draft.bag.add(errors_names.shared_by_turns(span.text, turns, span, found.span))


def count_params(parts: Sequence[Part], draft: Draft) -> int:
    """Weights of one module, from the declared shapes."""
    if draft.site is None:
        return 0  # the embed has a fault; nothing will be built
    known = draft.counted.get(id(parts))
    if known is not None and known[0] is parts:
        return known[1]
    total = 0
    for part in (part for part in parts if part.of is None):
        kind: ModuleKind = words.kind("module", part.kind.name)
        total += sum(math.prod(w.shape) for w in kind.weights(params_of(kind, part.kind), draft.site))
    draft.counted[id(parts)] = (parts, total)
    return total


def _nothing(ref: ast.Ref, scope: Scope) -> Diagnostic:
    if scope.declared_later(ref.head.text) is not None:
        return unknown(ref.head, scope)
    recipes = [n for n in scope.visible() if isinstance(scope.find(n), (Recipe, ModuleEntry))]
    pools = [(n, entry) for n in scope.visible() if isinstance(entry := scope.find(n), PoolEntry)]
    of = [n for n, pool in pools if any(group.name == ref.head.text for group in pool.groups)]
    return errors_names.unknown_kind(ref.head, words.names("module"), recipes, of)


def _entry(entry: Entry, has_tail: bool, wanted: Wanted) -> Recipe | ModuleEntry:
    if isinstance(entry, Recipe) and isinstance(entry.definition, ast.DefModule) and not has_tail:
        return entry
    if isinstance(entry, ModuleEntry) and not has_tail:
        if isinstance(wanted.value, ast.Call):
            raise Wrong(errors.takes_no_arguments(wanted.ref.span.text, wanted.value.span))
        return entry
    raise Wrong(errors_names.wrong_sort(wanted.ref.span, sort_of(entry), "a module", entry.span))


def _kind_parts(word: str, wanted: Wanted, draft: Draft) -> tuple[Part, ...]:
    kind: ModuleKind = words.kind("module", word)
    owner = Owner(word, wanted.value.span, wanted.scope, draft.width)
    fields = tuple(kind.Params.model_fields)
    arguments = given(owner, fields, wanted.args, draft.bag)
    arguments |= draft.overrides.fields(wanted.address, fields)
    defaults = {"norm": Form("none")} if wanted.norm is not None else {}
    bound = bind(owner, kind.Params, arguments, draft.bag, defaults)
    if bound is None or draft.site is None:
        raise Wrong()
    if isinstance(rate := getattr(bound.params, LAYER_DROPOUT, None), Form):
        draft.schedules.append((LAYER_DROPOUT, rate, bound.at(LAYER_DROPOUT, wanted.value.span)))
    params = kind.resolve(bound.params, draft.site)
    _complain(word, kind.check(params, draft.site), bound, wanted.value.span, draft)
    if kind.expand is None:
        return (Part(word, params.form(word)),)
    return tuple(Part(name, form) for name, form in kind.expand(params, draft.site))


def _complain(word: str, faults: Iterable[Fault], bound: Bound, span: Span, draft: Draft) -> None:
    found = list(faults)
    stream = draft.width_span if getattr(bound.params, "width", None) is None else None
    if found:
        raise Wrong(
            *(errors_shapes.kind_fault(word, f.message, f.help, bound.at(f.field, span), stream) for f in found)
        )


def _chain(recipe: Recipe, wanted: Wanted, draft: Draft) -> tuple[Part, ...]:
    """All parts of a flat recipe in sequence; a name that comes twice gets a number."""
    if (size := least_steps(recipe)) > MOST_PARTS:
        draft.stop(Wrong(errors.too_large("parts in one module", size, MOST_PARTS, wanted.value.span)))
    owner = Owner(last_word(wanted.value), wanted.value.span, wanted.scope, draft.width)
    scope, _ = recipe_scope(recipe, wanted.args, owner, wanted.address, draft)
    body = module_of(recipe).body
    parts = list[Part]()
    _chain_block(body, replace(wanted, scope=scope), step_names(body), parts, draft)
    return tuple(parts)


def _chain_block(block: ast.Block, wanted: Wanted, names: dict[int, str], parts: list[Part], draft: Draft) -> None:
    for statement in block.statements:
        assert isinstance(statement, ast.Step)
        if isinstance(statement.action, ast.Repeat):
            _chain_repeat(statement.action, wanted, names, parts, draft)
            continue
        assert isinstance(statement.action, ast.Apply)
        address = f"{wanted.address}.{names[id(statement)]}"
        step = overridden(replace(wanted, value=statement.action.value, address=address), draft)
        label = statement.label.text if statement.label else None
        made = make(step, draft)
        for part in made:
            _append(part, _part_name(part, label, len(made)), parts)
            if len(parts) > MOST_PARTS:
                draft.stop(Wrong(errors.too_large("parts in one module", len(parts), MOST_PARTS, statement.span)))


def _chain_repeat(repeat: ast.Repeat, wanted: Wanted, names: dict[int, str], parts: list[Part], draft: Draft) -> None:
    turns = whole(repeat.count, wanted.scope, "the count of a repeat")
    if not 1 <= turns <= MOST_TURNS:
        raise Wrong(errors.count_out_of_range("the count of a repeat", turns, MOST_TURNS, repeat.count.span))
    for turn in range(turns):
        scope = Scope(wanted.scope)
        if repeat.turn is not None:
            scope.names[repeat.turn.text] = Constant(Quantity(turn), repeat.turn.span)
        _chain_block(repeat.body, replace(wanted, scope=scope), names, parts, draft)


def _part_name(part: Part, label: str | None, of: int) -> str:
    """A label names a step of one part, and stands in front of the parts of a longer one."""
    if label is None:
        return part.name
    return label if of == 1 else f"{label}.{part.name}"


def _append(part: Part, word: str, parts: list[Part]) -> None:
    taken = {p.name for p in parts}
    name, number = word, 2
    while name in taken:
        name, number = f"{word}_{number}", number + 1
    parts.append(replace(part, name=name))
