"""What a run folder says of the net that was trained in it, for nets that start from its weights: no torch.

The run's own spec is read again with its settings, so that modules are compared by their kinds and arguments and not by
shapes alone: another number of heads has the same shapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnac.ir.form import Form
from dnac.ir.graph import Graph, Member, ModuleSet, Pretrained, SharedSet
from dnac.semantics.check import check
from dnac.semantics.naming import plain
from dnac.syntax.parser import parse_setting
from dnac.text.diagnostic import Faults
from dnac.text.files import read_source
from dnac.text.weight_files import Unreadable

RESOLVED, SPEC, CHECKPOINTS = "resolved.json", "spec.dna", "checkpoints"
_STEP = re.compile(r"step_(\d+)")
_PIECE = re.compile(r"(?P<name>.+)\[(?P<start>\d+)(?P<rest>:(?P<stop>\d+))?\]")
_FREE = {"init", "dropout", "layer_dropout", "frozen"}
"""Arguments that do not change what weights mean."""


@dataclass(frozen=True)
class RunHeader:
    """A run, without its weights."""

    graph: Graph
    checkpoint: Path
    """The folder of its latest checkpoint."""


def is_run(path: Path) -> bool:
    """Whether a folder is one that `dnac train` made."""
    return (path / RESOLVED).is_file() and (path / CHECKPOINTS).is_dir()


def read_run(path: Path) -> RunHeader:
    """The net of a run and the place of its latest checkpoint.

    Raises:
        Unreadable: it is no run, has no checkpoint, or its spec cannot be read any more.
    """
    if not path.is_dir():
        raise Unreadable("there is no such folder")
    if not is_run(path):
        raise Unreadable("it is no folder that `dnac train` made")
    steps = {int(found[1]): each for each in (path / CHECKPOINTS).iterdir() if (found := _STEP.fullmatch(each.name))}
    if not steps:
        raise Unreadable("it has no checkpoint")
    try:
        resolved: Any = json.loads((path / RESOLVED).read_bytes())
        settings = tuple(parse_setting(text, "settings") for text in resolved["settings"])
        checked = check(read_source(path / SPEC), settings, resolved["net"])
    except (OSError, ValueError, KeyError, TypeError, Faults) as error:
        raise Unreadable(f"its {RESOLVED} or {SPEC} cannot be read") from error
    if checked.bag.has_errors or len(checked.nets) != 1:
        raise Unreadable(f"its {SPEC} has faults")
    return RunHeader(checked.nets[0].graph, steps[max(steps)])


def modules_of(graph: Graph, name: str) -> tuple[Member, ...]:
    """The modules that a name means, in order, those of all turns too; a shared set counts as one. Empty: none."""
    entries: tuple[ModuleSet | SharedSet, ...] = (*graph.modules, *graph.shared)
    found = [entry for entry in entries if name in (entry.name, plain(entry.name))]
    if not found and (piece := _PIECE.fullmatch(name)):
        start = int(piece["start"])
        stop = int(piece["stop"]) if piece["rest"] else start + 1
        inner = modules_of(graph, piece["name"])
        return inner[start:stop] if start < stop <= len(inner) else ()
    return tuple(member for entry in found for member in _members(entry))


def misfits(graph: Graph, starts: Sequence[Pretrained], run: Graph) -> Iterator[str]:
    """In words, why sets of one `init` cannot start from a run's weights."""
    of, wanted = starts[0].of, sum(len(start.layers) or 1 for start in starts)
    found = modules_of(run, of)
    if not found:
        known = dict.fromkeys(plain(entry.name) for entry in (*run.modules, *run.shared))
        yield f"nothing in it is called `{of}`; it has {', '.join(f'`{name}`' for name in known)}"
        return
    if len(found) not in (1, wanted):
        yield f"it has {len(found)} of `{of}`, and {wanted} start from them"
        return
    if graph.width != run.width:
        yield f"its width is {run.width}, that of the net {graph.width}"
        return
    for start in starts:
        for place in start.layers or (0,):
            yield from _differences(graph, start.set, run, found[place if len(found) > 1 else 0])


def _members(entry: ModuleSet | SharedSet) -> tuple[Member, ...]:
    count = entry.count if isinstance(entry, ModuleSet) else None
    return (Member(entry.name),) if count is None else tuple(Member(entry.name, i) for i in range(count))


def _differences(graph: Graph, name: str, run: Graph, member: Member) -> Iterator[str]:
    ours, theirs = graph.module.get(name), run.module.get(member.set)
    if ours is None or theirs is None:
        if ours is not theirs:
            yield f"`{member}` is no module" if theirs is None else f"`{member}` is a module, and `{name}` is none"
            return
        yield from _shared_differences(graph, name, run, member.set)
        return
    kinds = [[part.kind.name for part in entry.parts] for entry in (ours, theirs)]
    if kinds[0] != kinds[1]:
        yield f"`{member}` is {_listed(kinds[1])}, and `{plain(name)}` {_listed(kinds[0])}"
    elif any(part.of is not None for part in (*ours.parts, *theirs.parts)):
        yield f"`{plain(name)}` or `{member}` is a chain of other modules, which start by their own names"
    else:
        for mine, other in zip(ours.parts, theirs.parts, strict=True):
            if mine.name != other.name:
                yield f"`{member}.{other.name}` is called `{mine.name}` in `{plain(name)}`"
            yield from _unlike(f"{member}.{other.name}", other.kind, mine.kind)


def _shared_differences(graph: Graph, name: str, run: Graph, theirs: str) -> Iterator[str]:
    mine, other = graph.weights[name], run.weights[theirs]
    if (mine.role, mine.kind.name) != (other.role, other.kind.name):
        yield f"`{theirs}` is `{other.kind.name}`, and `{name}` is `{mine.kind.name}`"
        return
    yield from _unlike(theirs, other.kind, mine.kind)
    if mine.role == "norm":
        return
    has_table = mine.role == "embed" and mine.kind.get("positions") == Form("learned")
    free = {"tokenizer"} if has_table or not graph.is_text else {"tokenizer", "context"}
    yield from _unlike("input", run.input, graph.input, free)


def _unlike(what: str, theirs: Form, ours: Form, free: set[str] = _FREE) -> Iterator[str]:
    """Arguments that differ."""
    keys = dict.fromkeys(key for form in (theirs, ours) for key, _ in form.args)
    for key in (key for key in keys if key not in free and theirs.get(key) != ours.get(key)):
        yield f"`{key}` of `{what}` is {_text(theirs.get(key))}, in the net {_text(ours.get(key))}"


def _text(value: object) -> str:
    return value.name if isinstance(value, Form) else str(value)


def _listed(kinds: Sequence[str]) -> str:
    return " and ".join(f"`{kind}`" for kind in kinds) or "an identity"
