"""GGUF files of llama.cpp, as a config and tensors under Hugging Face's names. Needs the package `gguf`.

Quantised blocks are taken apart to float32. Their rotary positions pair neighbours (2i, 2i + 1) of a head; rows of q
and k are put in the order that pairs halves, as Hugging Face has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnac.importing import errors
from dnac.importing.llama2c import in_halves
from dnac.text.diagnostic import Faults
from dnac.text.weight_files import Header, gguf_name


def read_gguf(path: Path, header: Header) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and tensors, float32, as `importing.llama.convert` takes them.

    Raises:
        Faults: DNA750, the package `gguf` is missing, or the file is damaged.
    """
    try:
        from gguf import GGUFReader, dequantize
    except ModuleNotFoundError:
        why = "reading it needs the package `gguf`"
        raise Faults(errors.not_a_checkpoint(path, why, 'install it: `pip install "dnac-lang[gguf]"`')) from None
    heads = {"q_proj": header.config["num_attention_heads"], "k_proj": header.config["num_key_value_heads"]}
    found: dict[str, Tensor] = {}
    try:
        for entry in GGUFReader(path).tensors:
            name = gguf_name(entry.name)
            if name is None:
                continue
            values = torch.from_numpy(dequantize(entry.data, entry.tensor_type).copy()).float()
            values = values.reshape(header.shapes[name])
            turned = heads.get(name.split(".")[-2])
            found[name] = values if turned is None else in_halves(values, turned)
    except (ValueError, IndexError, KeyError, NotImplementedError, OSError) as error:
        raise Faults(errors.not_a_checkpoint(path, str(error), "fetch the file again")) from error
    return header.config, found
