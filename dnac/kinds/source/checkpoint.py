"""`checkpoint(file, layers)`: weights of a model of the Llama family that was trained elsewhere.

The file stands relative to the spec: a folder of Hugging Face's (`config.json` beside safetensors files), a GGUF file
of llama.cpp, or a file of llama2.c. Sizes are compared with it before torch is loaded.
"""

from __future__ import annotations

from typing import Annotated

from dnac.ir.form import Form
from dnac.kinds.base import From, Kind, Params


class CheckpointParams(Params):
    """Arguments of `checkpoint`."""

    file: str
    """The checkpoint: a folder or a file, relative to the spec. An empty text: weights are drawn as always, so that a
    spec can leave the file to `--set`."""
    layers: Annotated[Form, From("layers")] | None = None
    """Its layers for these modules, in order: `range(0, 30)`. Left out for an embed or a head."""


KIND = Kind(
    name="checkpoint",
    summary="Weights of a model of the Llama family: a folder of Hugging Face's, a GGUF file, or one of llama2.c.",
    Params=CheckpointParams,
)
