"""DNA2xx: names, files that are used, and settings by their path."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.syntax import ast
from dnac.text import elsewhere
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span
from dnac.text.suggest import nearest


def did_you_mean(word: str, candidates: Sequence[str], otherwise: str = "") -> str:
    """A help line with the nearest name, else `otherwise`."""
    near = nearest(word, candidates)
    return f"did you mean `{near}`?" if near else otherwise


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in backticks, joined by commas, cut after a few."""
    shown = ", ".join(f"`{n}`" for n in names[:most])
    return shown + (", ..." if len(names) > most else "")


def unknown_name(name: ast.Name, visible: Sequence[str]) -> Diagnostic:
    """A name that nothing declares."""
    otherwise = "declare it above, or check the spelling"
    if name.text in ("width", "d_model", "dim"):
        otherwise = "a multiple of the stream's width is written `4x`"
    is_std = name.text == "std"
    return Diagnostic(
        "DNA201", f"unknown name `{name.text}`", name.span, "nothing here has this name",
        help='add `use "std/routers.dna"` behind the first line' if is_std
        else did_you_mean(name.text, visible, otherwise),
    )  # fmt: skip


def word_as_name(name: ast.Name, meaning: str, declared: Sequence[str]) -> Diagnostic:
    """A word of the language where only a declared name can stand."""
    return Diagnostic(
        "DNA201", f"unknown name `{name.text}`: it is {meaning}", name.span, "only a declared name can stand here",
        help=did_you_mean(name.text, declared, "write the word in the field that it belongs to"),
    )  # fmt: skip


def unknown_kind(
    name: ast.Name, kinds: Sequence[str], declared: Sequence[str], pools: Sequence[str] = ()
) -> Diagnostic:
    """A step or member that is neither a kind nor a name; a near name of the file's own comes first.

    `pools`: those that have a member of this name.
    """
    candidates = (*kinds, *declared)
    if pools:
        help_ = f"a member is named behind its pool, in a `route`: `{pools[0]}.{name.text}`"
        return Diagnostic("DNA202", f"`{name.text}` is a member of a pool", name.span, "no step by itself", help=help_)
    return Diagnostic(
        "DNA202", f"unknown module kind `{name.text}`", name.span, "no module kind and no name is called this",
        help=did_you_mean(name.text, declared)
        or elsewhere.KINDS.get(name.text.lower())
        or did_you_mean(name.text, candidates, f"the module kinds are {listed(candidates, 24)}"),
    )  # fmt: skip


def duplicate_name(name: ast.Name, sort: str, first: Span) -> Diagnostic:
    """Two things of one name in one net or file."""
    return Diagnostic(
        "DNA203", f"the name `{name.text}` is taken", name.span, f"a second thing named `{name.text}`",
        help=f"give this {sort} another name", labels=(Label(first, "first used here"),),
    )  # fmt: skip


def shadowed_name(name: ast.Name, sort: str, outer: Span) -> Diagnostic:
    """A name that hides one from outside."""
    return Diagnostic(
        "DNA204", f"`{name.text}` would hide a name from outside", name.span, "hides the one above",
        help=f"give this {sort} another name", labels=(Label(outer, "declared here"),),
    )  # fmt: skip


def reserved_name(name: ast.Name, meaning: str) -> Diagnostic:
    """A name that is a word of the grammar, a fixed one, or, for a module, a kind."""
    return Diagnostic(
        "DNA205", f"`{name.text}` is {meaning} and cannot be a name", name.span, "a word of the language",
        help=f"use another name, such as `my_{name.text}`",
    )  # fmt: skip


def two_meanings(span: Span, field: str, declared: Span) -> Diagnostic:
    """A word that its field takes, where a param or formal of the same name would fit too."""
    return Diagnostic(
        "DNA221", f"`{span.text}` is a word for `{field}` and a name of this file", span, "which of the two is meant?",
        help=f"rename what the file declares: write `my_{span.text}` where it is declared, and where it is meant",
        labels=(Label(declared, "declared here"),),
    )  # fmt: skip


def unused_name(name: ast.Name, sort: str) -> Diagnostic:
    """A declaration that nothing uses."""
    return Diagnostic(
        "DNA206", f"the {sort} `{name.text}` is never used", name.span, "declared here",
        help="use it or remove it",
    )  # fmt: skip


def used_before_declared(name: ast.Name, declared: Span) -> Diagnostic:
    """A name used above its declaration."""
    return Diagnostic(
        "DNA207", f"`{name.text}` is used before it is declared", name.span, "used here",
        help="move the declaration above its first use", labels=(Label(declared, "declared here"),),
    )  # fmt: skip


_INSTEAD = {
    ("a pool", "a module"): "a `route` runs members of a pool; what is a step as well is declared by `module a = ...`",
    ("a module", "a pool"): "a route takes a pool, or a list such as `[a, b]`",
    ("a router recipe", "a module"): "a router recipe stands behind `by`",
}


def wrong_sort(span: Span, sort: str, wanted: str, declared: Span) -> Diagnostic:
    """A name of the wrong sort of thing."""
    return Diagnostic(
        "DNA208", f"`{span.text}` is {sort}, and {wanted} is needed here", span, f"{wanted} is needed here",
        help=_INSTEAD.get((sort, wanted), f"name {wanted} instead"), labels=(Label(declared, "declared here"),),
    )  # fmt: skip


def unknown_net(name: str, span: Span | None, nets: Sequence[str]) -> Diagnostic:
    """`train`, `with` or `FILE:net` names a net that does not exist."""
    otherwise = f"the nets of this file are {listed(nets)}" if nets else "this file has no net"
    return Diagnostic("DNA209", f"no net is named `{name}`", span, help=did_you_mean(name, nets, otherwise))


def file_missing(path: ast.String, known: Sequence[str]) -> Diagnostic:
    """`use` of a file that is not there."""
    return Diagnostic(
        "DNA210", f'cannot find "{path.value}"', path.span, "no such file",
        help=did_you_mean(path.value, known, f"there is {listed(known)}" if known else "paths start at this file"),
    )  # fmt: skip


def file_escapes(path: ast.String, reason: str) -> Diagnostic:
    """`use` of a file outside the project."""
    return Diagnostic(
        "DNA211", f'"{path.value}" leaves the project', path.span, reason,
        help="used files stand in the folder of the main file or below it, or in std/",
    )  # fmt: skip


def use_cycle(path: ast.String, ring: Sequence[str]) -> Diagnostic:
    """Files that use each other in a ring."""
    return Diagnostic(
        "DNA212", "files use each other in a ring", path.span, "closes the ring",
        help="move what both need into a third file", notes=(" uses ".join(f"`{r}`" for r in ring),),
    )  # fmt: skip


def too_many_files(path: ast.String, limit: str) -> Diagnostic:
    """Files nested too deep, too many, or too large."""
    return Diagnostic(
        "DNA213", f'cannot use "{path.value}": {limit}', path.span, "one file too much",
        help="keep specs small, and put shared recipes into few files",
    )  # fmt: skip


def file_unreadable(path: ast.String, reason: str) -> Diagnostic:
    """A used file that cannot be read as text."""
    return Diagnostic(
        "DNA214", f'cannot read "{path.value}"', path.span, reason, help="a used file is UTF-8 text in the dna language"
    )


def not_in_file(alias: str, name: ast.Name, known: Sequence[str]) -> Diagnostic:
    """`alias.name` with a name that the used file does not declare."""
    return Diagnostic(
        "DNA215", f"`{alias}` declares no `{name.text}`", name.span, "not declared in that file",
        help=did_you_mean(name.text, known, f"it declares {listed(known)}" if known else "that file declares nothing"),
    )  # fmt: skip


def setting_hits_nothing(span: Span, near: Sequence[str]) -> Diagnostic:
    """An override whose path names nothing."""
    tops = list(dict.fromkeys(path.split(".")[0] for path in near))
    if span.text.startswith("train.") and "train" not in tops:
        otherwise = "this net has no train block"
    else:
        otherwise = f"what can be set begins with {listed(tops, 16)}" if tops else "nothing can be set here"
    inner = [path for path in near if path.endswith(f".{span.text}")]
    inner = [path for path in inner if path == f"train.{span.text}"] or inner  # `lr` and `length` are looked for there
    return Diagnostic(
        "DNA216", f"nothing is called `{span.text}` here, so it cannot be set", span, "sets nothing",
        help=otherwise if "no train" in otherwise
        else f"did you mean `{inner[0]}`?" if inner else did_you_mean(span.text, near, otherwise),
    )  # fmt: skip


def second_train(name: ast.Name, first: Span) -> Diagnostic:
    """Two train blocks for one net."""
    return Diagnostic(
        "DNA217", f"`{name.text}` has two train blocks", name.span, "the second one",
        help="keep one; a second way of training is `net other = "
        f"{name.text} with {{ train.lr = ... }}`", labels=(Label(first, "the first one"),),
    )  # fmt: skip


def setting_twice(span: Span, first: Span) -> Diagnostic:
    """One path set twice in one list of settings."""
    return Diagnostic(
        "DNA218", f"`{span.text}` is set twice", span, "set again here",
        help="keep one of the two", labels=(Label(first, "set here first"),),
    )  # fmt: skip


def setting_path(span: Span) -> Diagnostic:
    """A path with a slice or an index that is no plain number."""
    return Diagnostic(
        "DNA219", f"`{span.text}` is not a path to a setting", span, "not a path",
        help="write names and turns, such as `hop.choose` or `hop[17].choose`",
    )  # fmt: skip


def shared_by_turns(name: str, turns: int, span: Span, declared: Span) -> Diagnostic:
    """A declared module that a repeat uses in each turn: right for a Universal Transformer, else an accident."""
    return Diagnostic(
        "DNA220", f"all {turns:,} turns use the one set of weights of `{name}`", span, "shared by the turns",
        help="for weights of its own in each turn, declare it inside of the repeat", severity="note",
        labels=(Label(declared, "declared outside of the repeat"),),
    )  # fmt: skip
