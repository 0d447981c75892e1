"""Weights that start as those of a checkpoint (`init layers.block = checkpoint("file", layers = range(0, 30))`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnac.importing import errors
from dnac.importing.files import read_checkpoint
from dnac.importing.gguf import read_gguf
from dnac.importing.llama2c import read_llama2c
from dnac.ir.graph import Graph
from dnac.kinds.llama import Wanted, wanted
from dnac.lowering.network import Network
from dnac.lowering.weights import key_of
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
    with torch.no_grad():
        for start in network.graph.pretrained:
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
