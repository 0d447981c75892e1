"""What a file of weights says of itself: sizes of the model, names and shapes of its tensors, read without torch.

Three forms: a folder of Hugging Face's (`config.json` beside safetensors files), one file of llama.cpp's (GGUF), one
of llama2.c's. All are told in Hugging Face's words. Only headers are read, and never more than a bound of each.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_LONGEST = 64 << 20
_MOST = 1 << 24


class Unreadable(ValueError):
    """Why a path holds no weights that can be read."""


@dataclass(frozen=True)
class Header:
    """What stands in front of the weights."""

    form: str
    """`folder`, `gguf` or `llama2c`."""
    config: dict[str, Any]
    """As a `config.json` of Hugging Face says it."""
    shapes: dict[str, tuple[int, ...]]
    """[out, in], by Hugging Face's names."""

    @property
    def layers(self) -> int:
        """How many layers there are."""
        return int(self.config.get("num_hidden_layers") or 0)


def read_header(path: Path) -> Header:
    """The header of a folder or a file of weights.

    Raises:
        Unreadable: it is missing, or none of the forms that are known.
    """
    try:
        return _sound(_folder(path) if path.is_dir() else _file(path))
    except FileNotFoundError:
        raise Unreadable("there is no such file or folder") from None
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    except (struct.error, UnicodeDecodeError, OverflowError) as error:
        raise Unreadable("its header is cut short or damaged") from error


def _file(path: Path) -> Header:
    with path.open("rb") as file:
        start = file.read(4)
        return _gguf(file) if start == b"GGUF" else _llama2c(path, start + file.read(24))


_COUNTS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size")


def _sound(header: Header) -> Header:
    """The header, whose numbers are numbers.

    Raises:
        Unreadable: one is not.
    """
    for name in _COUNTS:
        value = header.config.get(name)
        if value is not None and (type(value) is not int or value < 1):
            raise Unreadable(f"its `{name}` is {value!r}")
    for name in ("rms_norm_eps", "rope_theta"):
        value = header.config.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Unreadable(f"its `{name}` is {value!r}")
    return header


# --- Hugging Face's folders ---------------------------------------------------------------------


def _folder(path: Path) -> Header:
    config = _json_file(path, CONFIG)
    names: list[Any] = [SINGLE]
    if not (path / SINGLE).is_file():
        if not (path / INDEX).is_file():
            raise Unreadable(f"it has neither {SINGLE} nor {INDEX}")
        places: Any = _json_file(path, INDEX).get("weight_map")
        names = [*places.values()] if isinstance(places, dict) else []
        if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
            raise Unreadable(f"{INDEX} names no files beside it")
    shapes: dict[str, tuple[int, ...]] = {}
    for name in sorted(set(names)):
        shapes |= _safetensors(path / name)
    return Header("folder", config, shapes)


def _safetensors(path: Path) -> dict[str, tuple[int, ...]]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > _LONGEST:
            raise Unreadable(f"{path.name} is no safetensors file")
        found = _json(file.read(size), path.name)
    shapes = {name: _shape(entry) for name, entry in found.items() if name != "__metadata__"}
    if None in shapes.values():
        raise Unreadable(f"{path.name} is no safetensors file")
    return {name: shape for name, shape in shapes.items() if shape is not None}


def _shape(entry: Any) -> tuple[int, ...] | None:
    """The shape of one tensor; None where the entry says none."""
    shape: Any = entry.get("shape") if isinstance(entry, dict) else None  # type: ignore[union-attr]
    if not isinstance(shape, list):
        return None
    numbers = [n for n in shape if type(n) is int]  # type: ignore[union-attr]
    return tuple(numbers) if len(numbers) == len(shape) else None  # type: ignore[arg-type]


def _json_file(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file() or path.stat().st_size > _LONGEST:
        raise Unreadable(f"it has no {name}")
    return _json(path.read_bytes(), name)


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{name} is not JSON") from error
    if not isinstance(found, dict):
        raise Unreadable(f"{name} holds no object")
    return found  # type: ignore[return-value]


# --- llama.cpp's GGUF ---------------------------------------------------------------------------

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9

GGUF_NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
"""Names of tensors there and here, without `blk.N` (`model.layers.N`) and `.weight`."""

_GGUF_CONFIG = {
    "embedding_length": "hidden_size", "block_count": "num_hidden_layers", "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps", "rope.freq_base": "rope_theta",
    "context_length": "max_position_embeddings",
}  # fmt: skip


def gguf_name(name: str) -> str | None:
    """Hugging Face's name of a tensor of a GGUF file; None where it has none."""
    parts = name.removesuffix(".weight").split(".")
    if parts[0] == "blk" and len(parts) == 3 and parts[2] in GGUF_NAMES:
        return f"model.layers.{parts[1]}.{GGUF_NAMES[parts[2]]}.weight"
    return f"{GGUF_NAMES[parts[0]]}.weight" if len(parts) == 1 and parts[0] in GGUF_NAMES else None


def _gguf(file: BinaryIO) -> Header:
    version, tensors, fields = struct.unpack("<IQQ", file.read(20))
    if version not in (2, 3) or tensors > _MOST or fields > _MOST:
        raise Unreadable(f"GGUF version {version} is not known")
    said = dict(_gguf_field(file) for _ in range(fields))
    family = str(said.get("general.architecture"))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in _gguf_tensors(file, tensors):
        if (ours := gguf_name(name)) is not None:
            shapes[ours] = shape
    config = {ours: said.get(f"{family}.{theirs}") for theirs, ours in _GGUF_CONFIG.items()}
    # single precision writes 1e-5 as 9.99999974e-06
    config = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in config.items() if v is not None}
    table = shapes.get("model.embed_tokens.weight", (0,))
    more = {"model_type": family, "vocab_size": table[0], "tie_word_embeddings": "lm_head.weight" not in shapes}
    return Header("gguf", {**config, **more}, shapes)


def _gguf_tensors(file: BinaryIO, count: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for _ in range(count):
        name = _gguf_text(file)
        (axes,) = struct.unpack("<I", file.read(4))
        if axes > 4:
            raise Unreadable(f"its tensor `{name}` has {axes} axes")
        shape = struct.unpack(f"<{axes}Q", file.read(8 * axes))
        file.read(12)  # type and place
        yield name, tuple(reversed(shape))


def _gguf_field(file: BinaryIO) -> tuple[str, Any]:
    name = _gguf_text(file)
    (kind,) = struct.unpack("<I", file.read(4))
    return name, _gguf_value(file, kind)


def _gguf_value(file: BinaryIO, kind: int) -> Any:
    """A value; of an array nothing is kept."""
    if kind == _TEXT:
        return _gguf_text(file)
    if kind in _NUMBERS:
        (value,) = struct.unpack(f"<{_NUMBERS[kind]}", file.read(struct.calcsize(_NUMBERS[kind])))
        return value
    if kind != _ARRAY:
        raise Unreadable(f"a field of its header has the unknown type {kind}")
    inner, count = struct.unpack("<IQ", file.read(12))
    if count > _MOST or inner == _ARRAY:
        raise Unreadable("a list of its header is too long")
    if inner in _NUMBERS:
        file.seek(count * struct.calcsize(_NUMBERS[inner]), 1)
    else:
        for _ in range(count):
            _gguf_text(file)
    return None


def _gguf_text(file: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", file.read(8))
    if size > _LONGEST:
        raise Unreadable("its header is damaged")
    return file.read(size).decode("utf-8", "replace")


# --- llama2.c -----------------------------------------------------------------------------------


def _llama2c(path: Path, start: bytes) -> Header:
    if len(start) < 28:
        raise Unreadable("it is too short to be a checkpoint")
    width, hidden, layers, heads, kv_heads, words, context = struct.unpack("<7i", start)
    if min(width, hidden, layers, heads, kv_heads, abs(words), context) < 1 or width % heads or heads % kv_heads:
        raise Unreadable("it is no GGUF file, and does not begin as a checkpoint of llama2.c does")
    if layers * width > path.stat().st_size:
        raise Unreadable("it is shorter than its header says")
    keys, half = kv_heads * (width // heads), width // heads // 2
    each: dict[str, tuple[int, ...]] = {
        "input_layernorm": (width,), "self_attn.q_proj": (width, width), "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width), "self_attn.o_proj": (width, width), "post_attention_layernorm": (width,),
        "mlp.gate_proj": (hidden, width), "mlp.down_proj": (width, hidden), "mlp.up_proj": (hidden, width),
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (abs(words), width), "model.norm.weight": (width,),
    }  # fmt: skip
    if words < 0:
        shapes["lm_head.weight"] = (abs(words), width)
    for n in range(layers):
        shapes |= {f"model.layers.{n}.{name}.weight": shape for name, shape in each.items()}
    wanted = 28 + 4 * (sum(map(prod, shapes.values())) + 2 * context * half)
    if path.stat().st_size != wanted:
        raise Unreadable(f"it has {path.stat().st_size:,} bytes, and its header says {wanted:,}")
    config = {
        "model_type": "llama", "hidden_size": width, "intermediate_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": abs(words),
        "max_position_embeddings": context, "rms_norm_eps": 1e-5, "rope_theta": 10_000.0,
        "tie_word_embeddings": words > 0,
    }  # fmt: skip
    return Header("llama2c", config, shapes)
