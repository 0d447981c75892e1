"""The ways in which parts of an instruction can be computed: who serves what, why not, and at what cost.

| group | asked by | candidates |
|---|---|---|
| `attention` | modules of a bank, tokens of one (module, sequence) among themselves | segments, flex, varlen, mask |
| `wide_attention` | the same where `sees` is not `peers`; nothing to choose | mask |
| `product` | each linear layer of a bank | tiles, aten, loop |
| `weight_gradient` | the same layers, backward | joined, per_step |
| `order` | each routing step; nothing to choose | sort |
| `dense_attention`, `dense_product` | modules that run for all tokens; nothing to choose | sdpa, linear |

Candidates stand in the order of the rule: the first one that serves is taken where nothing was
measured. FLOPs and bytes are those of a forward pass; each candidate reaches a share of the
device's rates (`pace`), roughly, for predictions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dnac.schedule.device import DeviceFacts
from dnac.schedule.questions import Asked, Question
from dnac.schedule.types import BYTES

Why = Callable[[Asked, str, DeviceFacts], str]
"""(who asks, type of the products, device) to why the candidate cannot serve; an empty text if it can."""
Amount = Callable[[Question, int], float]
"""(question, bytes of a number) to FLOPs or bytes of one forward pass."""

HALF = ("bfloat16", "float16")
REPLACED = "the one kernel for all modules takes its place"


@dataclass(frozen=True)
class Candidate:
    """One way to compute what a group asks for."""

    name: str
    rule: str
    """Why it stands where it stands in the order of the rule."""
    lowerings: tuple[str, ...]
    """Lowerings that can use it."""
    why_not: Why
    flops: Amount
    bytes: Amount
    pace: float = 1.0
    """Share of the device's rates that it reaches."""
    is_fused: bool = False
    """Whether it does more than what it is measured for, so that times of it alone decide nothing."""


# --- attention ----------------------------------------------------------------------------------


def _pairs(q: Question, extra: float) -> float:
    """Queries times keys: expected keys of a live row, and `extra` ones that a kernel's blocks add."""
    rows = _live(q, _rows(q))
    segment = q["tokens"] * q["choices"] * q["live"] / 100 / q["modules"]
    segment = min(segment, q["window"]) if q["window"] else segment
    return rows * (max(1.0, segment / 2 if q["causal"] else segment) + extra)


def _segments(extra: float) -> Amount:
    return lambda q, size: 4.0 * q["heads"] * q["head_width"] * _pairs(q, extra)


def _masked(q: Question, size: int) -> float:
    return 4.0 * q["heads"] * q["head_width"] * _rows(q) * q["tokens"] * q["choices"]


def _attention_bytes(q: Question, size: int) -> float:
    """Queries, keys, values and results once."""
    return _live(q, _rows(q)) * size * q["head_width"] * 2 * (q["heads"] + q["kv_heads"])


def _masked_bytes(q: Question, size: int) -> float:
    """The same for all rows, to token order and back, and the mask as bytes of bool."""
    whole = _rows(q) * size * q["head_width"] * 2 * (q["heads"] + q["kv_heads"])
    return 3 * whole + _rows(q) * q["tokens"] * q["choices"]


def _rows(q: Question) -> int:
    return q["sequences"] * q["tokens"] * q["choices"]


def _live(q: Question, rows: float) -> float:
    return rows * q["live"] / 100


def _half_on_gpu(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    return why_not_here(dtype, device)


def why_not_here(dtype: str, device: DeviceFacts) -> str:
    """Why a device or a type cannot run kernels of tensor cores, whatever the shape; empty if it can."""
    if device.kind != "cuda":
        return "it needs a CUDA device"
    if dtype not in HALF:
        return f"it computes in bfloat16, and this net's products are {dtype}"
    if device.capability is not None and device.capability < (8, 0):
        return f"it needs compute capability 8.0, and {device.name} has {device.capability[0]}.{device.capability[1]}"
    return ""


def _flash(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    """What FlashAttention's kernel asks for."""
    wrong = _half_on_gpu(asked, dtype, device)
    width = asked.question["head_width"]
    if not wrong and (width % 8 or width > 256):
        return f"it needs heads of a width that 8 divides, at most 256, and these are {width} wide"
    if not wrong and asked.question["kv_heads"] != asked.question["heads"]:
        return "it needs as many key heads as query heads"
    return wrong


def _power_of_two(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    wrong = _half_on_gpu(asked, dtype, device)
    width = asked.question["head_width"]
    if not wrong and (width & (width - 1) or not 32 <= width <= 128):
        return f"it needs heads of width 32, 64 or 128, and these are {width} wide"
    return wrong


def _always(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    return ""


# --- products -----------------------------------------------------------------------------------


def _where_aten_does_not(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    return "" if _times_of_eight(asked, dtype, device) else REPLACED


def _product(q: Question, size: int) -> float:
    return 2.0 * q["rows"] * q["live"] / 100 * q["inner"] * q["outer"]


def _product_bytes(q: Question, size: int) -> float:
    rows = q["rows"] * q["live"] / 100
    return size * (rows * (q["inner"] + q["outer"]) + q["modules"] * q["inner"] * q["outer"])


def _times_of_eight(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    wrong = _half_on_gpu(asked, dtype, device)
    sizes = asked.question["inner"], asked.question["outer"]
    if not wrong and dtype != "bfloat16":
        return f"it computes in bfloat16, and this net's products are {dtype}"
    if not wrong and any(size % 8 for size in sizes):
        return f"it needs sizes that 8 divides, and this layer is {sizes[0]} to {sizes[1]}"
    return wrong


def _on_tiles(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    if device.kind == "cuda" and device.capability is not None and device.capability < (9, 0):
        return f"it needs compute capability 9.0, and {device.name} has {device.capability[0]}.{device.capability[1]}"
    return _times_of_eight(asked, dtype, device)


def _gradient_bytes(writes: Callable[[int], int]) -> Amount:
    """Rows of every use, and the bank's gradient so many times in the type of the weights (float32)."""

    def amount(q: Question, size: int) -> float:
        rows = q["uses"] * q["rows"] * q["live"] / 100
        return (
            size * rows * (q["inner"] + q["outer"]) + 4.0 * writes(q["uses"]) * q["modules"] * q["inner"] * q["outer"]
        )

    return amount


def _gradient(q: Question, size: int) -> float:
    return q["uses"] * _product(q, size)


def _used_again(asked: Asked, dtype: str, device: DeviceFacts) -> str:
    if asked.question["uses"] < 2:
        return "the bank is used once, so that there is nothing to join"
    return _times_of_eight(asked, dtype, device)


# --- orders -------------------------------------------------------------------------------------


def _no_flops(q: Question, size: int) -> float:
    return 0.0


def _sorted_bytes(passes: int) -> Amount:
    return lambda q, size: 24.0 * passes * q["rows"]


# --- modules that run for all tokens ---------------------------------------------------------------


def _dense_attention(q: Question, size: int) -> float:
    reach = min(q["tokens"], q["window"] or q["tokens"])
    keys = reach / 2 if q["causal"] and not q["window"] else reach
    return 4.0 * q["heads"] * q["head_width"] * q["sequences"] * q["tokens"] * keys


def _dense_attention_bytes(q: Question, size: int) -> float:
    return q["sequences"] * q["tokens"] * size * q["head_width"] * 2.0 * (q["heads"] + q["kv_heads"])


def _linear(q: Question, size: int) -> float:
    return 2.0 * q["rows"] * q["inner"] * q["outer"]


def _linear_bytes(q: Question, size: int) -> float:
    return float(size * (q["rows"] * (q["inner"] + q["outer"]) + q["inner"] * q["outer"]))


G, P = ("grouped",), ("portable", "reference")
NONE: tuple[str, ...] = ()
"""No lowering uses it yet: it is measured beside the others."""

CANDIDATES: dict[str, tuple[Candidate, ...]] = {
    "attention": (
        Candidate(
            "segments", "it reads no key of another module",
            G, _power_of_two, _segments(48), _attention_bytes, 0.6,
        ),
        Candidate(
            "flex", "its block mask leaves few foreign keys",
            NONE, _power_of_two, _segments(128), _attention_bytes, 0.5,
        ),
        Candidate("varlen", "it is slow on many short segments", NONE, _flash, _segments(128), _attention_bytes, 0.3),
        Candidate(
            "mask", "it serves everything, and computes what it masks",
            (*G, *P), _always, _masked, _masked_bytes, 0.5,
        ),
    ),
    "wide_attention": (
        Candidate("mask", "the only one", (*G, *P), _always, _masked, _masked_bytes, 0.5),
    ),
    "product": (
        Candidate(
            "tiles", "an mlp's norm and activation stay with its products",
            G, _on_tiles, _product, _product_bytes, 0.9, is_fused=True,
        ),
        Candidate("aten", "one kernel for all modules", (*G, *P), _times_of_eight, _product, _product_bytes, 0.9),
        Candidate(
            "loop", "it serves everything, a product for each module",
            P, _where_aten_does_not, _product, _product_bytes, 0.8,
        ),
    ),
    "weight_gradient": (
        Candidate(
            "joined", "it writes the bank's gradient once",
            G, _used_again, _gradient, _gradient_bytes(lambda n: 1), 0.9,
        ),
        Candidate(
            "per_step", "it writes the bank's gradient at each use",
            (*G, *P), _always, _gradient, _gradient_bytes(lambda n: 3 * n - 2), 0.9,
        ),
    ),
    "order": (
        Candidate("count", "a few keys are counted, not sorted", G, _always, _no_flops, _sorted_bytes(3)),
        Candidate("sort", "it serves every device", (*G, *P), _always, _no_flops, _sorted_bytes(6)),
    ),
    "dense_attention": (
        Candidate("sdpa", "the only one", (*G, *P), _always, _dense_attention, _dense_attention_bytes, 0.6),
    ),
    "dense_product": (Candidate("linear", "the only one", (*G, *P), _always, _linear, _linear_bytes),),
}  # fmt: skip
"""All candidates by group, in the order of the rule."""


def predicted_ms(
    candidate: Candidate, q: Question, dtype: str, device: DeviceFacts, passes: float = 1.0
) -> float | None:
    """Milliseconds by a roofline: the longer of computing and of moving; None where the device is not known."""
    size = BYTES[dtype]
    return roofline_ms(
        passes * candidate.flops(q, size), passes * candidate.bytes(q, size), dtype, device, candidate.pace
    )


def roofline_ms(flops: float, moved: float, dtype: str, device: DeviceFacts, pace: float = 1.0) -> float | None:
    """The longer of so many FLOPs and so many bytes at the device's rates, in milliseconds."""
    rate, flow = device.rate(dtype), device.flow
    if rate is None or flow is None:
        return None
    return 1e3 * max(flops / (rate * pace), moved / flow)
