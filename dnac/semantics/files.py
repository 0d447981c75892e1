"""`use`: which files belong to a spec. Packaged ones of `std/`, and those below the main file's folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dnac.semantics import errors_names as errors
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag, Diagnostic, Faults
from dnac.text.files import Elsewhere, read_inside, read_source
from dnac.text.limits import LONGEST_PATH, MOST_DEPTH, MOST_ERRORS, MOST_FILES, MOST_WORDS
from dnac.text.source import Source

_WORD = re.compile(r"#[^\n]*|\w+|[^\w\s]")
STD = Path(__file__).parent.parent / "std"


@dataclass(eq=False)
class Unit:
    """One file with its tree, and what stands behind each `use` in it."""

    source: Source
    tree: ast.File
    path: Path
    uses: list[tuple[ast.Use, str, Unit]] = field(default_factory=list["tuple[ast.Use, str, Unit]"])
    """Each `use` that could be read, the name under which it is known, and the file."""
    is_std: bool = False


@dataclass(eq=False)
class Project:
    """All files of one spec; each is read once."""

    root: Path
    bag: Bag
    units: dict[Path, Unit] = field(default_factory=dict[Path, Unit])
    failed: int = 0
    """Lines of `use` with a fault; after some of them no further ones are followed."""
    words: int = 0
    """Words of all used files, a comment counted as one."""


def load(source: Source, bag: Bag) -> tuple[Unit | None, Project]:
    """The main file and, through its `use` lines, all others. Faults go into the bag."""
    path = Path(source.path)
    project = Project(path.parent, bag)
    tree = parse(source, bag)
    if tree is None:
        return None, project
    unit = Unit(source, tree, _real(path))
    project.units[unit.path] = unit
    _follow(unit, project, (unit,))
    return unit, project


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def _follow(unit: Unit, project: Project, chain: tuple[Unit, ...]) -> None:
    for item in unit.tree.items:
        if not isinstance(item, ast.Use):
            continue
        if project.failed >= MOST_ERRORS:
            return
        try:
            used = _use(item, unit, project, chain)
        except Wrong as wrong:
            wrong.report(project.bag)
            project.failed += 1
            continue
        unit.uses.append((item, alias_of(item), used))


def alias_of(use: ast.Use) -> str:
    """The name under which a used file is known: `as y`, else `std`, else the file's own name."""
    if use.alias is not None:
        return use.alias.text
    path = PurePosixPath(use.path.value)
    return "std" if path.parts[:1] == ("std",) else path.stem


def _use(use: ast.Use, unit: Unit, project: Project, chain: tuple[Unit, ...]) -> Unit:
    path, is_std = _locate(use.path, unit, project)
    known = project.units.get(path)
    if known is not None:
        if known in chain:
            ring = [u.path.name for u in chain[chain.index(known) :]]
            raise Wrong(errors.use_cycle(use.path, [*ring, known.path.name]))
        return known
    if len(chain) >= MOST_DEPTH:
        raise Wrong(errors.too_many_files(use.path, f"files use each other more than {MOST_DEPTH} deep"))
    if len(project.units) >= MOST_FILES or project.words > MOST_WORDS:
        raise Wrong(errors.too_many_files(use.path, f"a spec has at most {MOST_FILES} files"))
    source = _read(use.path, path, project.root, is_std)
    project.words += len(_WORD.findall(source.text))
    if project.words > MOST_WORDS:
        raise Wrong(errors.too_many_files(use.path, f"all used files together have at most {MOST_WORDS:,} words"))
    tree = parse(source, project.bag)
    if tree is None:
        raise Wrong()
    found = Unit(source, tree, path, is_std=is_std)
    project.units[path] = found
    _follow(found, project, (*chain, found))
    return found


def _locate(text: ast.String, unit: Unit, project: Project) -> tuple[Path, bool]:
    """Where the file is.

    Raises:
        Wrong: it lies outside the project, or is not there.
    """
    written = PurePosixPath(text.value)
    fault = _leaves(text, written)
    if fault is not None:
        raise Wrong(fault)
    is_std = written.parts[:1] == ("std",) or unit.is_std
    if written.parts[:1] == ("std",):
        path, root = STD.joinpath(*written.parts[1:]), STD
    else:
        path, root = unit.path.parent.joinpath(*written.parts), STD if unit.is_std else project.root
    real = _real(path)
    if not real.is_relative_to(_real(root)):
        raise Wrong(errors.file_escapes(text, "a link leads out of the project's folder"))
    if not _is_file(real):
        raise Wrong(errors.file_missing(text, _nearby(path, root, is_std)))
    return real, is_std


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a part of the name is longer than the file system allows
        return False


def _leaves(text: ast.String, written: PurePosixPath) -> Diagnostic | None:
    if not text.value or len(text.value) > LONGEST_PATH or "\0" in text.value or any(ord(c) < 32 for c in text.value):
        return errors.file_escapes(text, "not the name of a file")
    if written.is_absolute() or "\\" in text.value or ":" in text.value or text.value.startswith("~"):
        return errors.file_escapes(text, "an absolute path")
    if ".." in written.parts:
        return errors.file_escapes(text, "`..` goes up")
    return None


def _nearby(path: Path, root: Path, is_std: bool) -> list[str]:
    """Files that could have been meant, as they would be written."""
    if not path.parent.is_dir():
        return []
    prefix = "std/" if is_std else ""
    names = sorted(p.name for p in path.parent.iterdir() if p.suffix == ".dna")[:200]
    there = [path.parent / name for name in names]
    return [f"{prefix}{p.relative_to(root).as_posix()}" for p in there if p.is_relative_to(root)]


def _read(text: ast.String, path: Path, root: Path, is_std: bool) -> Source:
    try:
        source = read_source(path) if is_std else read_inside(_real(root), path)
    except Elsewhere as elsewhere:
        raise Wrong(errors.file_escapes(text, str(elsewhere))) from elsewhere
    except Faults as faults:
        reason = next(iter(faults.bag)).message
        raise Wrong(errors.file_unreadable(text, reason)) from faults
    return Source(f"std/{path.name}", source.text) if is_std else Source(_shown(path, root), source.text)


def _shown(path: Path, root: Path) -> str:
    """The path as people know it: below the main file's folder as they wrote that."""
    return (root / path.relative_to(_real(root))).as_posix()
