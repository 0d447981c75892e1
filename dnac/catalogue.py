"""Find a kind, pass, lowering, data set or command by its file name; import it only when asked for.

A catalogue is a folder. The file name is the word in the language, and its one public constant is
named in `CATALOGUES`. Listing the folder is the registry: nothing is registered by hand, and a new
file is a new word. Folders given with `--kinds DIR` hold the same sub-folders (`DIR/module/x.py`)
and are looked up after the built-in ones; a `.dna` file can never ask for code.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent

CATALOGUES: dict[str, tuple[str, str]] = {
    **{
        name: (f"kinds/{name}", "KIND")
        for name in (
            "module",
            "input",
            "embed",
            "head",
            "score",
            "gate",
            "choose",
            "weight",
            "combine",
            "balance",
            "sees",
            "read",
            "noise",
            "limit",
            "budget",
            "by",
            "decode",
            "grad",
            "scope",
            "positions",
            "activation",
            "norm",
            "init",
            "source",
            "layers",
            "start",
            "loss",
            "amount",
            "shape",
            "optimizer",
            "precision",
        )
    },
    "rewrite": ("passes/rewrites", "PASS"),
    "lowering": ("lowering/strategies", "LOWERING"),
    "dataset": ("data/datasets", "DATASET"),
    "tokenizer": ("data/tokenizers", "TOKENIZER"),
    "baseline": ("bench/baselines", "BASELINE"),
    "view": ("report/views", "VIEW"),
    "command": ("cli/commands", "COMMAND"),
}
"""Catalogue name to (folder below the package, name of the constant each file exports)."""

_extra: list[Path] = []


class UnknownName(KeyError):
    """No file of that name in the catalogue."""

    def __init__(self, catalogue: str, name: str) -> None:
        self.catalogue, self.name = catalogue, name
        super().__init__(f"no {catalogue} named {name}")


def add_folder(folder: Path) -> None:
    """Look up words in a user's folder as well (`--kinds DIR`).

    Raises:
        FileNotFoundError: `folder` is not a folder.
        ValueError: a file in it takes the name of a built-in word.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    if folder.resolve() in _extra:
        return
    for catalogue in CATALOGUES:
        taken = sorted(set(_listing(folder / catalogue)) & set(names(catalogue)))
        if taken:
            raise ValueError(f"{folder / catalogue / taken[0]}.py: the {catalogue} `{taken[0]}` exists already")
    _extra.append(folder.resolve())


def names(catalogue: str) -> tuple[str, ...]:
    """All words of a catalogue, without importing any."""
    return _names(catalogue, tuple(_extra))


@cache
def _names(catalogue: str, extra: tuple[Path, ...]) -> tuple[str, ...]:
    """Kept, since checking a file asks thousands of times."""
    own = _listing(_folder(CATALOGUES[catalogue][0]))
    return tuple(sorted({*own, *(n for folder in extra for n in _listing(folder / catalogue))}))


def get(catalogue: str, name: str) -> Any:
    """Import one file and return its constant.

    Raises:
        UnknownName: the catalogue has no such word.
    """
    folder, constant = CATALOGUES[catalogue]
    if name in _listing(_folder(folder)):
        return _built_in(catalogue, name)
    for extra in _extra:
        if name in _listing(extra / catalogue):
            return getattr(_load(extra / catalogue / f"{name}.py"), constant)
    raise UnknownName(catalogue, name)


@cache
def _folder(name: str) -> Path:
    return _ROOT / name


@cache
def _built_in(catalogue: str, name: str) -> Any:
    folder, constant = CATALOGUES[catalogue]
    return getattr(importlib.import_module(f"dnac.{folder.replace('/', '.')}.{name}"), constant)


@cache
def _listing(folder: Path) -> tuple[str, ...]:
    """The words of a folder. Read once: a plan asks for the same words thousands of times."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")))


@cache
def _load(path: Path) -> Any:
    name = f"dnac_user_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
