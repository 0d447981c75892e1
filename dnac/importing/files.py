"""A checkpoint folder as Hugging Face lays it out: `config.json` beside one or several safetensors files.

Files of pickles (`pytorch_model.bin`) are not read: they can run code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from dnac.importing import errors
from dnac.text.diagnostic import Faults

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_LONGEST_JSON = 64 << 20


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config, and all tensors by name (their values are read when used).

    Raises:
        Faults: DNA750, the folder holds no checkpoint that can be read.
    """
    config = _json(folder, CONFIG)
    tensors: dict[str, Tensor] = {}
    for name in _files(folder):
        try:
            with safe_open(folder / name, framework="pt") as file:
                tensors |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
        except (SafetensorError, OSError) as error:
            raise Faults(errors.not_a_checkpoint(folder, f"{name}: {error}", "fetch the file again")) from error
    return config, tensors


def _files(folder: Path) -> list[str]:
    """Names of the tensor files: the one, or those that the index names."""
    if (folder / SINGLE).is_file():
        return [SINGLE]
    if not (folder / INDEX).is_file():
        pickled = any(folder.glob("*.bin"))
        why = "its weights are pickles, which can run code" if pickled else f"it has no {SINGLE}"
        raise Faults(errors.not_a_checkpoint(folder, why, "save the model as safetensors (`save_pretrained`)"))
    places = _json(folder, INDEX).get("weight_map")
    names = list(places.values()) if isinstance(places, dict) else []
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise Faults(errors.not_a_checkpoint(folder, f"{INDEX} names no files beside it", "fetch the file again"))
    return sorted(set(names))


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    help_ = "give the folder that `save_pretrained` made"
    if not path.is_file() or path.stat().st_size > _LONGEST_JSON:
        raise Faults(errors.not_a_checkpoint(folder, f"it has no {name}", help_))
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Faults(errors.not_a_checkpoint(folder, f"{name} is not JSON", "fetch the file again")) from error
    if not isinstance(found, dict):
        raise Faults(errors.not_a_checkpoint(folder, f"{name} holds no object", help_))
    return found
