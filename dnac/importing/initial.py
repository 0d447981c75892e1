"""Weights that start as those of a checkpoint or of a run of dnac: what `init NAME = ...` puts into a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from dnac.importing import errors
from dnac.importing.files import read_checkpoint
from dnac.importing.gguf import read_gguf
from dnac.importing.llama2c import read_llama2c
from dnac.ir.graph import Graph, Member, Pretrained
from dnac.kinds.declared import declared, key_of
from dnac.kinds.llama import Wanted, wanted
from dnac.lowering.network import Network
from dnac.semantics.run_files import RunHeader, modules_of, read_run
from dnac.text.diagnostic import Faults
from dnac.text.weight_files import Unreadable, read_header


def begin(network: Network, folder: Path) -> None:
    """Give a network the weights that its file names; `folder` is that of the spec.

    Raises:
        Faults: DNA750, a checkpoint is gone or damaged; DNA753, it lacks tensors.
    """
    if not network.graph.pretrained or next(network.parameters()).is_meta:
        return
    state, files = network.state_dict(), dict[str, Mapping[str, Tensor]]()
    runs: dict[str, tuple[RunHeader, Mapping[str, Tensor]]] = {}
    with torch.no_grad():
        for start in network.graph.pretrained:
            if start.of:
                if start.file not in runs:
                    runs[start.file] = read_weights(folder / start.file)
                for key, tensor in from_run(network.graph, start, *runs[start.file]):
                    state[key].copy_(tensor)
                continue
            if start.file not in files:
                files[start.file] = read(folder / start.file)[1]
            for each in wanted(network.graph, start):
                key = key_of(each.set, each.part, each.weight)
                state[key].copy_(made(network.graph, each, files[start.file]))


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and tensors of a checkpoint in any form that is known, under Hugging Face's names.

    Raises:
        Faults: DNA750, there is none.
    """
    if path.is_dir():
        return read_checkpoint(path)
    try:
        header = read_header(path)
    except Unreadable as why:
        help_ = "give a folder that `save_pretrained` made, a GGUF file, or a file of llama2.c"
        raise Faults(errors.not_a_checkpoint(path, str(why), help_)) from why
    return read_gguf(path, header) if header.form == "gguf" else read_llama2c(path)


def read_weights(path: Path) -> tuple[RunHeader, Mapping[str, Tensor]]:
    """A run's net, and the weights of its latest checkpoint by state-dict key.

    Raises:
        Faults: DNA750, it is no run, or the checkpoint is damaged.
    """
    help_ = "give the folder of a run of `dnac train` whose latest checkpoint is whole"
    try:
        run = read_run(path)
        data = (run.checkpoint / "weights.safetensors").read_bytes()
        said = json.loads((run.checkpoint / "manifest.json").read_bytes())["files"]["weights.safetensors"]["sha256"]
    except (Unreadable, OSError, ValueError, KeyError, TypeError) as why:
        raise Faults(errors.not_a_checkpoint(path, str(why), help_)) from why
    if hashlib.sha256(data).hexdigest() != said:
        raise Faults(errors.not_a_checkpoint(path, f"{run.checkpoint.name} is damaged", help_))
    return run, safetensors.torch.load(data)


def from_run(
    graph: Graph, start: Pretrained, run: RunHeader, tensors: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """(state-dict key, tensor) of every weight of one set; modules in order, a single one copied into all.

    Raises:
        Faults: DNA753, a tensor is missing or of another shape.
    """
    modules, prefix = modules_of(run.graph, start.of), key_of(start.set) + "."
    chosen = [modules[place if len(modules) > 1 else 0] for place in start.layers or (0,)]
    for each in (entry for entry in declared(graph) if entry.key.startswith(prefix) and not entry.of_router):
        parts = [_part(tensors, member, each.key.removeprefix(prefix)) for member in chosen]
        made = torch.stack(parts) if each.is_stacked else parts[0]
        if tuple(made.shape) != each.shape:
            problem = f"`{each.key}` would be {list(made.shape)}, the net needs {list(each.shape)}"
            raise Faults(errors.tensors_do_not_fit([problem]))
        yield each.key, made


def _part(tensors: Mapping[str, Tensor], member: Member, weight: str) -> Tensor:
    key = f"{key_of(member.set)}.{weight}"
    if key not in tensors:
        raise Faults(errors.tensors_do_not_fit([f"`{key}` is missing"]))
    return tensors[key] if member.index is None else tensors[key][member.index]


def made(graph: Graph, each: Wanted, tensors: Mapping[str, Tensor]) -> Tensor:
    """One weight of a set, [in, out], stacked where the set is.

    Raises:
        Faults: DNA753, a tensor is missing.
    """
    missing = [name for names in each.names for name in names if name not in tensors]
    if missing:
        raise Faults(errors.tensors_do_not_fit([f"`{name}` is missing" for name in missing]))
    join = (lambda found: found[0]) if each.weight == "table" else _beside
    parts = [join([tensors[name] for name in names]) for names in each.names]
    entry = graph.module.get(each.set)
    return torch.stack(parts) if entry is not None and entry.count is not None else parts[0]


def _beside(found: list[Tensor]) -> Tensor:
    """Several [out, in] to one [in, all outs]; a table [V, D] and a gain stay as they are."""
    return found[0] if found[0].dim() == 1 else torch.cat(found).transpose(0, 1)
