"""Write `docs/kinds.md` from the code: `python -m dnac.kinds.document`.

What a field means is the text below it in its class, so the page cannot say anything else than the
code. A test compares the page with what this file makes.
"""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from dnac import catalogue
from dnac.ir.form import Form, Value
from dnac.kinds.base import EmbedName, From, HeadName, Kind, MemberName, Params, Scheduled, ShareUnit, SizeUnit
from dnac.kinds.params import INHERIT
from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"

HEAD = """# All words

This page is written from the code by `python -m dnac.kinds.document`; edit the texts there. Arguments may be given
by position, in the order shown, or by name. An argument without a default must be written, unless its text says
what is meant where it is unsaid. How each word computes, and by which rules: [numerics.md](numerics.md).
"""

GROUPS: dict[str, tuple[str, str]] = {
    "module": ("Modules", "A step, a member of a pool, or `module a = ...`. The stream becomes `h + f(h)`."),
    "input": ("Inputs", "`input text(...)`"),
    "embed": ("Embeds", "`embed tokens(...)`"),
    "head": ("Heads", "`head lm = unembed(...)`"),
    "positions": ("Positions", "Of an embed, where they must be written; of `attention` and `transformer`."),
    "activation": ("Activations", "First argument of `mlp`, and `mlp = ...` of `transformer`."),
    "norm": ("Norms", "`norm = ...`"),
    "init": ("Initial values", "`init = ...`. Drawn in float32 for each module by itself, from seed and name."),
    "source": ("Weights from elsewhere", "`init NAME = ...`, at the top of a net."),
    "layers": ("Layers of a checkpoint", "`layers = ...`"),
    "read": ("Router: `read`", "What the router sees."),
    "score": ("Router: `score`", "How it scores the candidates, in float32 or wider."),
    "noise": ("Router: `noise`", "Noise while training."),
    "gate": ("Router: `gate`", "How scores become gates, over all candidates, after division by `tau`."),
    "choose": ("Router: `choose`", "Which candidates run, by gate + bias."),
    "limit": ("Router: `limit`", "Capacity."),
    "budget": (
        "Budgets",
        "`budget NAME = ...`, once in a net: what is counted. 100 % is the dearest choice at every step.",
    ),
    "by": ("Budgets: `by`", "By which means a budget is kept."),
    "decode": ("Router: `decode`", "How to choose while generating, where training looks at later tokens."),
    "weight": ("Router: `weight`", "What multiplies an output. No default where fewer than all are chosen."),
    "combine": ("Router: `combine`", "How outputs join the stream."),
    "grad": ("Router: `grad`", "How the choice is trained."),
    "balance": ("Router: `balance`", "A list of terms. No default where fewer than all are chosen; `[]` for none."),
    "scope": ("Router: `scope`", "For whom one decision is made."),
    "sees": ("Router: `sees`", "Which keys a routed attention sees."),
    "start": ("Router: `start`", "Routes with which training begins."),
    "amount": ("Amounts", "`batch`, `length`, `eval_every`, `save_every`, and `until` of a schedule."),
    "shape": ("Schedules", "`schedule(start, shape(target, until), ...)`: pieces in order; the last value holds."),
    "loss": ("Losses", "`loss = task + 0.5 * distill(...)`: a sum of terms."),
    "optimizer": ("Optimizers", "`optimizer = ...`"),
    "precision": ("Precisions", "`precision = ...`"),
}
"""Catalogue to its title and where its words stand, in the order of the page."""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for of, (title, where) in GROUPS.items():
        parts += [f"## {title}\n", f"{where}\n", _table(of)]
        parts += list(_arguments(_kinds(of)))
    for title, params in (("All fields of a router", RouterParams), ("All fields of `train`", TrainParams)):
        parts += [f"## {title}\n", _fields(params)]
    return "\n".join([*parts, "## Known, not built yet\n", _planned()])


def explained(params: type[Params]) -> dict[str, str]:
    """What the class says below each of its fields, those of its base classes included."""
    found = dict[str, str]()
    for base in reversed(params.__mro__):
        if base is not Params and issubclass(base, Params):
            found |= _texts(base)
    return found


@cache
def _texts(params: type[Params]) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(params)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = dict[str, str]()
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = inspect.cleandoc(str(text.value.value)).replace("\n", " ")
    return found


def _kinds(of: str) -> list[Kind]:
    return [catalogue.get(of, name) for name in catalogue.names(of)]


def _table(of: str) -> str:
    rows = [f"| `{signature(kind)}` | {kind.summary} |" for kind in _kinds(of)]
    return "\n".join(["| word | meaning |", "|---|---|", *rows, ""])


def signature(kind: Kind) -> str:
    """A word with the names of its arguments: `top(k)`."""
    fields = kind.Params.model_fields
    return kind.name + (f"({', '.join(fields)})" if fields else "")


def _arguments(kinds: list[Kind]) -> Iterator[str]:
    """A table of arguments for each Params; words that share one share the table."""
    for params in dict.fromkeys(kind.Params for kind in kinds if kind.Params.model_fields):
        words = ", ".join(f"`{kind.name}`" for kind in kinds if kind.Params is params)
        yield f"**{words}**\n\n{_fields(params)}"


def _fields(params: type[Params]) -> str:
    texts = explained(params)
    rows = [
        f"| `{name}` | {takes(field)} | {default(field, texts[name])} | {texts[name]} |"
        for name, field in params.model_fields.items()
    ]
    return "\n".join(["| argument | takes | default | meaning |", "|---|---|---|---|", *rows, ""])


def default(field: FieldInfo, meaning: str) -> str:
    """What stands where a file says nothing, as Markdown; empty where something must be said."""
    if field.is_required() or field.default == INHERIT or "Unsaid:" in meaning:
        return ""
    return f"`{_text(field.default)}`"


def _text(value: Value) -> str:
    """A value as one would write it in a file."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case Form():
            args = [f"{k} = {_text(v)}" for k, v in value if v is not None]
            return value.name + (f"({', '.join(args)})" if args else "")
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def takes(field: FieldInfo) -> str:
    """What may be written for a field: "whole number", "a word of `norm`"."""
    return " or ".join(dict.fromkeys(_sorts(field.annotation, tuple(field.metadata))))


def _sorts(annotation: Any, marks: tuple[Any, ...] = ()) -> Iterator[str]:
    """What may be written for a type: "whole number", "a word of `norm`"."""
    if get_origin(annotation) is typing.Annotated:
        inner, *more = get_args(annotation)
        yield from _sorts(inner, (*marks, *more))
        return
    if any(isinstance(m, Scheduled) for m in marks):
        shares = [_plain(annotation, (mark,)) for mark in marks if isinstance(mark, ShareUnit)]
        yield f"{shares[0] if shares else 'number'} or `schedule(...)`"
        return
    options: tuple[Any, ...] = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        for option in options:
            yield from _sorts(option, marks)
        return
    if get_origin(annotation) is Literal:
        yield " or ".join(f"`{option}`" for option in options)
    elif get_origin(annotation) is tuple:
        inside = [sort for option in options if option is not Ellipsis for sort in _sorts(option)]
        count = "" if Ellipsis in options else f" of {len(options)}"
        yield f"list{count}: {' or '.join(dict.fromkeys(inside))}"
    else:
        yield _plain(annotation, marks)


def _plain(annotation: Any, marks: tuple[Any, ...]) -> str:
    for mark in marks:
        match mark:
            case From(of):
                return f"a word of `{of}`"
            case SizeUnit():
                return "whole number, or `4x` of the width"
            case ShareUnit(of):
                return f"share of {of} (`30%`)"
            case MemberName(what):
                return what
            case EmbedName():
                return "the embed's name"
            case HeadName():
                return "a head's name"
            case _:
                continue
    return {bool: "`true` or `false`", int: "whole number", float: "number", str: "text", type(None): "`none`"}[
        annotation
    ]


def _planned() -> str:
    from dnac.kinds.planned import PLANNED

    rows = [f"| {of} | `{name}` | {sentence} |" for (of, name), sentence in PLANNED.items()]
    return "\n".join(["| where | word | what it will mean |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
