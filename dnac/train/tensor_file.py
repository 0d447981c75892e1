"""Tensors in a safetensors file: written in one pass, read only where everything fits.

Layout (safetensors 0.4 and later): 8 bytes of header length, a JSON header with dtype, shape and
offsets, then the values. Wider types come first, so that all values are aligned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from dnac.train.files import Stamp, write_file

_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> Stamp:
    """Write and sync a new file."""
    return write_file(path, _chunks(tensors))


def size_of(tensors: Mapping[str, Tensor]) -> int:
    """Bytes of the file that `write_tensors` would make, without its header."""
    return sum(t.numel() * t.element_size() for t in tensors.values())


def mismatches(path: Path, wanted: Mapping[str, Tensor]) -> list[str]:
    """How the tensors declared in a file differ from those wanted, in words; none where they fit.

    Looks at the header alone, so nothing is allocated for a file that does not fit.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {n: (tuple(s.get_shape()), s.get_dtype()) for n in file.keys() if (s := file.get_slice(n))}  # noqa: SIM118
    except SafetensorError as error:
        return [f"{path.name}: {error}"]
    asked = {n: (tuple(t.shape), _TYPES[t.dtype]) for n, t in wanted.items()}
    return [
        *(f"`{n}` is missing" for n in sorted(asked.keys() - found.keys())),
        *(f"`{n}` is not in the net" for n in sorted(found.keys() - asked.keys())),
        *(
            f"`{n}` is {_words(*found[n])}, the net has {_words(*asked[n])}"
            for n in sorted(asked.keys() & found.keys())
            if asked[n] != found[n]
        ),
    ]


def names_in(path: Path) -> list[str]:
    """Names of the tensors in a verified file."""
    with safe_open(path, framework="pt") as file:
        return sorted(file.keys())


@torch.no_grad()
def read_into(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Copy the values of a file that fits into tensors of the same names."""
    with safe_open(path, framework="pt") as file:
        for name, tensor in tensors.items():
            tensor.copy_(file.get_tensor(name).reshape(tensor.shape))


def _chunks(tensors: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    names = sorted(tensors, key=lambda n: (-tensors[n].element_size(), n))
    header, offset = {}, 0
    for name in names:
        tensor = tensors[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little")
    yield text
    for name in names:
        yield _values(tensors[name])


def _values(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())  # type: ignore[arg-type]


def _words(shape: tuple[int, ...], dtype: str) -> str:
    return f"{dtype} {list(shape)}"
