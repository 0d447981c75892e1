"""Checkpoints: `checkpoints/step_N/`, published whole by one rename and never written again.

A folder holds tensor files (safetensors), `state.json` (counters) and `manifest.json`, which states
length and SHA-256 of each of the others, and of itself. Nothing is unpickled. "Latest" means the
latest that verifies. Nothing that this code did not make is ever deleted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor

from dnac.text.diagnostic import Diagnostic, Faults
from dnac.train import errors
from dnac.train.files import Stamp, canonical, publish, stamp, sync_folder, write_file
from dnac.train.tensor_file import mismatches, read_into, size_of, write_tensors

FORMAT = 1
MANIFEST, STATE = "manifest.json", "state.json"
_PUBLISHED = re.compile(r"step_(\d+)")
_LEFTOVER = re.compile(r"\.step_\d+\.(saving|deleting)")
_OURS = re.compile(r"manifest\.json|state\.json|[a-z_]+\.safetensors")
_LONGEST_MANIFEST = 1 << 20

Tell = Callable[[Diagnostic], None]
"""Where warnings go."""


@dataclass(frozen=True)
class Checkpoint:
    """One verified checkpoint."""

    path: Path
    step: int
    state: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """`step_20`"""
        return self.path.name

    def load(self, file: str, tensors: Mapping[str, Tensor], where: Callable[[str], str] = lambda name: "") -> None:
        """Copy one tensor file into tensors of exactly its names, shapes and types. `where` says of a name in the net
        where it was declared.

        Raises:
            Faults: the file holds other tensors.
        """
        if problems := mismatches(self.path / f"{file}.safetensors", tensors):
            placed = [problem + where(problem.split("`")[1]) if "`" in problem else problem for problem in problems]
            raise Faults(errors.checkpoint_does_not_fit(self.name, placed))
        read_into(self.path / f"{file}.safetensors", tensors)


def save(folder: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
    """Write `folder/step_N` with one tensor file for each entry of `tensors`.

    A verified checkpoint of that step is left as it is; a damaged one is set aside, not overwritten.

    Raises:
        Faults: the disk is full or the folder cannot be written; nothing is published then.
    """
    final, temporary = folder / f"step_{step}", folder / f".step_{step}.saving"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if final.exists():
            if not problems(final):
                return final
            os.rename(final, _free_name(folder, f"damaged_step_{step}"))  # noqa: PTH104 - a seam of tests
        _remove(temporary)
        temporary.mkdir()
        _write(temporary, step, tensors, state)
        publish(temporary, final)
    except OSError as error:
        _remove(temporary)
        needed = sum(map(size_of, tensors.values()))
        raise Faults(errors.cannot_write(final, error.strerror or str(error), needed, _free_bytes(folder))) from error
    return final


def load_latest(folder: Path, tell: Tell) -> Checkpoint:
    """The newest checkpoint that verifies. Damaged newer ones are told of.

    Raises:
        Faults: there is none, or one was written by a later dnac.
    """
    damaged: list[tuple[str, list[str]]] = []
    for path in reversed(published(folder)):
        found = problems(path)
        if not found:
            for name, what in damaged:
                tell(errors.checkpoint_damaged(name, what, path.name))
            return _open(path)
        damaged.append((path.name, found))
    for name, what in damaged:
        tell(errors.checkpoint_damaged(name, what, None))
    raise Faults(errors.no_checkpoint(folder))


def published(folder: Path) -> list[Path]:
    """All `step_N` folders, oldest first, whether they verify or not."""
    entries = folder.iterdir() if folder.is_dir() else ()
    found = [p for p in entries if _PUBLISHED.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]
    return sorted(found, key=_step_of)


def problems(path: Path) -> list[str]:
    """What is wrong with a checkpoint, each with its file; none where every byte is as written.

    Raises:
        Faults: it was written by a later dnac.
    """
    manifest = _read_manifest(path)
    if isinstance(manifest, str):
        return [f"{MANIFEST}: {manifest}"]
    names = {entry.name for entry in path.iterdir()} - {MANIFEST}
    wanted: dict[str, Any] = manifest["files"]
    found = [f"{name}: missing" for name in sorted(wanted.keys() - names)]
    found += [f"{name}: not in the manifest" for name in sorted(names - wanted.keys())]
    found += [fault for name in sorted(wanted.keys() & names) if (fault := _differs(path / name, wanted[name]))]
    return found


def prune(folder: Path, keep: int) -> None:
    """Delete the oldest checkpoints beyond the newest `keep`, once the newest is known to be good."""
    paths = published(folder)
    if len(paths) <= keep or problems(paths[-1]):
        return
    for path in paths[:-keep]:
        if not _is_whole(path):
            continue
        aside = folder / f".{path.name}.deleting"
        _remove(aside)
        os.rename(path, aside)  # noqa: PTH104 - a seam of tests
        _remove(aside)


def clean(folder: Path) -> None:
    """Remove what a killed save or a killed deletion of ours left behind."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if _LEFTOVER.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            _remove(path)


def _write(folder: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    stamps = {f"{name}.safetensors": write_tensors(folder / f"{name}.safetensors", t) for name, t in tensors.items()}
    stamps[STATE] = write_file(folder / STATE, [canonical({**state, "step": step})])
    files = {name: {"bytes": s.bytes_, "sha256": s.sha256} for name, s in stamps.items()}
    manifest = {"format": FORMAT, "step": step, "files": files}
    write_file(folder / MANIFEST, [canonical({**manifest, "sha256": sha256(canonical(manifest)).hexdigest()})])


def _read_manifest(path: Path) -> dict[str, Any] | str:
    """The manifest, or what is wrong with it."""
    file = path / MANIFEST
    if not file.is_file() or file.is_symlink():
        return "missing"
    if file.stat().st_size > _LONGEST_MANIFEST:
        return "too long"
    text = file.read_bytes()
    manifest = _parse_manifest(text)
    if manifest is None:
        return "not as it was written"
    if manifest["format"] > FORMAT:
        raise Faults(errors.newer_format(f"checkpoint {path.name}", manifest["format"], FORMAT))
    if manifest["step"] != _step_of(path):
        return f"belongs to step {manifest['step']}"
    return manifest


def _parse_manifest(text: bytes) -> dict[str, Any] | None:
    """The manifest, where it is whole: in its one spelling, with its own SHA-256, and of our making."""
    try:
        manifest = json.loads(text)
        own = manifest.pop("sha256")
        whole = own == sha256(canonical(manifest)).hexdigest() and canonical({**manifest, "sha256": own}) == text
        numbers = all(type(manifest[key]) is int for key in ("format", "step"))
        stamps = all(type(f["bytes"]) is int and type(f["sha256"]) is str for f in manifest["files"].values())
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    return manifest if whole and numbers and stamps else None


def _differs(file: Path, wanted: Mapping[str, Any]) -> str | None:
    """Length first, so that a wrong file is never read to its end."""
    if file.is_symlink() or not file.is_file():
        return f"{file.name}: not a plain file"
    if (size := file.stat().st_size) != wanted["bytes"]:
        return f"{file.name}: {size} bytes, {wanted['bytes']} expected"
    if stamp(file) != Stamp(wanted["bytes"], wanted["sha256"]):
        return f"{file.name}: its SHA-256 differs"
    return None


def _open(path: Path) -> Checkpoint:
    state = json.loads((path / STATE).read_bytes())
    return Checkpoint(path, _step_of(path), state)


def _is_whole(path: Path) -> bool:
    """Whether a folder is a checkpoint of ours with nothing added (values are not read)."""
    manifest = _read_manifest(path)
    return not isinstance(manifest, str) and {p.name for p in path.iterdir()} == {MANIFEST, *manifest["files"]}


def _remove(folder: Path) -> None:
    """Delete a folder of ours, file by file; it stays where it holds anything we would not have made."""
    if not folder.is_dir() or any(not _OURS.fullmatch(p.name) or p.is_dir() for p in folder.iterdir()):
        return
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    sync_folder(folder.parent)


def _step_of(path: Path) -> int:
    match = _PUBLISHED.fullmatch(path.name)
    return int(match[1]) if match else -1


def _free_name(folder: Path, name: str) -> Path:
    names = (folder / (name if i == 0 else f"{name}_{i}") for i in range(1_000_000))
    return next(path for path in names if not path.exists())


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder if folder.exists() else folder.parent).free
