"""The candidates of the cost table as small programs: what a question asks, on random data, ready to be timed.

Each maker takes a question and gives a `Trial`. Rows are spread evenly over the modules, by choices
drawn at random, and the share that is not live belongs to nobody. A candidate that this build or
device has not raises `NotHere` with the reason.

N rows, B sequences, T tokens, K choices, M modules, H heads, G heads of keys, E head width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dnac.lowering.attention import by_sdpa, in_reach
from dnac.lowering.gmm import gmm, gmm_w
from dnac.lowering.products import rows_outer
from dnac.lowering.rows import BankRows, bank_rows, from_bank, sort_rows, to_bank
from dnac.schedule.questions import Question

BLOCK = 128
"""Rows of a block of FlexAttention's mask."""


class NotHere(Exception):
    """A candidate that cannot be made on this device or with this build of torch."""


class Trial(NamedTuple):
    """A program to be timed."""

    run: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    """Those that require a gradient get one in the backward pass."""
    has_backward: bool = True
    """Whether a backward pass belongs to it; else one run is all that a train step needs."""


@dataclass(frozen=True)
class Bench:
    """Where a question is tried, and the routed rows that it speaks of."""

    question: Question
    device: torch.device
    dtype: torch.dtype

    def random(self, *shape: int, learns: bool = True) -> Tensor:
        """Random numbers of a shape, never zeros."""
        found = torch.randn(shape, device=self.device).to(self.dtype)
        return found.requires_grad_(learns)

    @cached_property
    def ids(self) -> Tensor:
        """[N / K, 1, K] the modules that each token chooses, all different; M for a choice that is nobody's."""
        q, known = self.question, dict(self.question.shape)
        K, modules = known.get("choices", 1), q["modules"]
        count = q["rows"] if "rows" in known else q["sequences"] * q["tokens"]
        chosen = torch.rand(count, max(K, modules), device=self.device).topk(K).indices
        live = torch.rand(count, K, device=self.device) < known.get("live", 100) / 100
        return torch.where(live & (chosen < modules), chosen, modules)[:, None]

    @cached_property
    def rows(self) -> BankRows:
        """The rows as their bank sees them."""
        modules = self.question["modules"]
        return bank_rows(sort_rows(self.ids, tuple(range(modules)), modules + 1), 0, modules)

    @cached_property
    def key(self) -> Tensor:
        """[N] int32, ascending: module * B + sequence of each sorted row; dead rows last, a block together."""
        q, rows = self.question, self.rows
        sequence = rows.order // (q["tokens"] * q["choices"])
        dead = q["modules"] * q["sequences"] + torch.arange(len(rows.order), device=self.device) // BLOCK
        return torch.where(rows.live, rows.module * q["sequences"] + sequence, dead).to(torch.int32)

    @property
    def heads(self) -> tuple[int, int, int]:
        """H, G, E."""
        return self.question["heads"], self.question["kv_heads"], self.question["head_width"]

    @property
    def window(self) -> int | None:
        """Reach of a query, or None."""
        return self.question["window"] or None


Maker = Callable[[Bench], Trial]


# --- attention of a bank ---------------------------------------------------------------------------


def _queries(bench: Bench, *lead: int) -> tuple[Tensor, Tensor, Tensor]:
    H, G, E = bench.heads
    return bench.random(*lead, H, E), bench.random(*lead, G, E), bench.random(*lead, G, E)


def mask(bench: Bench) -> Trial:
    """To token order, SDPA under a mask of equal modules, and back: as the portable lowering does."""
    q, rows, ids = bench.question, bench.rows, bench.ids
    B, T, K = q["sequences"], q["tokens"], q["choices"]
    module = torch.where(ids < q["modules"], ids, -1).view(B, T * K)  # ids are [B T, 1, K]
    at = torch.arange(T, device=bench.device)[:, None].expand(T, K).flatten()

    def run(*packed: Tensor) -> Tensor:
        same = module[:, :, None] == module[:, None, :]
        seen = same & in_reach(at, at, causal=bool(q["causal"]), window=bench.window)
        q_BRHE, k_BRGE, v_BRGE = (from_bank(x, rows).unflatten(0, (B, -1)) for x in packed)
        return to_bank(by_sdpa(q_BRHE, k_BRGE, v_BRGE, seen).flatten(0, 1), rows)

    return Trial(run, _queries(bench, B * T * K))


def segments(bench: Bench) -> Trial:
    """Our kernel over the sorted rows of each (module, sequence)."""
    try:
        from dnac.lowering.kernels.segments import attended, segment_blocks
    except ImportError as missing:
        raise NotHere(f"its kernels cannot be loaded ({missing})") from None
    q, rows = bench.question, bench.rows
    H, G, E = bench.heads
    at = (rows.order // q["choices"] % q["tokens"]).to(torch.int32)
    first, last = segment_blocks(bench.key)

    def run(packed: Tensor) -> Tensor:
        given = (packed, bench.key, at, first, last, rows.ends, None, [H, G, E], bool(q["causal"]), q["window"])
        return attended(*given)

    return Trial(run, (bench.random(len(at), (H + 2 * G) * E),))


def varlen(bench: Bench) -> Trial:
    """torch's attention over packed sequences, one for each (module, sequence)."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        raise NotHere("this torch has no varlen attention") from None
    q, attend = bench.question, varlen_attn
    if q["window"]:  # it counts rows of a segment, and a window counts positions of the sequence
        raise NotHere("its window counts a module's own tokens, not positions")
    count, longest = q["modules"] * q["sequences"], q["tokens"] * q["choices"]
    ends = torch.searchsorted(
        bench.key, torch.arange(count + 1, device=bench.device, dtype=torch.int32), out_int32=True
    )
    reach = (-1, 0 if q["causal"] else -1)

    def run(*packed: Tensor) -> Tensor:
        return attend(*packed, ends, ends, longest, longest, window_size=reach)  # type: ignore[call-arg]

    return Trial(run, _queries(bench, len(bench.key)))


def flex(bench: Bench) -> Trial:
    """FlexAttention over the sorted rows; the block mask is built from the keys, never from all pairs."""
    from torch.nn.attention.flex_attention import BlockMask, flex_attention

    q, key, rows = bench.question, bench.key, bench.rows
    at = rows.order // q["choices"] % q["tokens"]
    N = len(key)
    compiled: Any = torch.compile(flex_attention, dynamic=False)

    def visible(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        seen = key[i] == key[j]
        gap = at[i] - at[j]
        seen = seen & (gap >= 0) if q["causal"] else seen
        return seen & (gap.abs() < q["window"]) if q["window"] else seen

    blocks = _block_mask(BlockMask, key, visible)

    def run(*packed: Tensor) -> Tensor:
        turned = (x.transpose(0, 1)[None] for x in packed)
        return compiled(*turned, block_mask=blocks, enable_gqa=True)[0].transpose(0, 1)

    return Trial(run, _queries(bench, N))


def _block_mask(kind: Any, key: Tensor, visible: Callable[..., Tensor]) -> Any:
    """Blocks of rows see the blocks that hold rows of their own segments, a band known from the keys."""
    N = len(key)
    count = -(-N // BLOCK)
    starts = torch.arange(count, device=key.device) * BLOCK
    first = torch.searchsorted(key, key[starts]) // BLOCK
    last = (torch.searchsorted(key, key[(starts + BLOCK - 1).clamp(max=N - 1)], right=True) - 1) // BLOCK
    number = (last - first + 1).to(torch.int32)
    places = (first[:, None] + torch.arange(count, device=key.device)).clamp(max=count - 1).to(torch.int32)
    return kind.from_kv_blocks(
        number[None, None], places[None, None].contiguous(), BLOCK_SIZE=BLOCK, mask_mod=visible, seq_lengths=(N, N)
    )


# --- products, weight gradients, orders ---------------------------------------------------------------


def loop(bench: Bench) -> Trial:
    """One product for each module; backward, the gradient of the rows alone."""
    weight = _weight(bench)
    return Trial(lambda x: gmm(x, weight, bench.rows.ends), (bench.random(bench.question["rows"], len(weight[0])),))


def aten(bench: Bench) -> Trial:
    """One kernel for all modules, as `grouped` calls it."""
    weight = _weight(bench)
    rows = bench.question["rows"]
    return Trial(lambda x: F.grouped_mm(x, weight, offs=bench.rows.ends), (bench.random(rows, len(weight[0])),))


def tiles(bench: Bench) -> Trial:
    """Our kernel, tile by tile; here without the norm and the activation that it takes along."""
    try:
        from dnac.lowering.kernels.tiles import row_tiles, tile_product
    except ImportError as missing:
        raise NotHere(f"its kernel cannot be loaded ({missing})") from None
    weight, ends = _weight(bench), bench.rows.ends
    x = bench.random(bench.question["rows"], len(weight[0]))
    table = row_tiles(ends, len(x))

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return tile_product(x, weight, ends, table, False, None)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Tensor:
            return tile_product(grads[0].contiguous(), weight, ends, table, True, None)

    return Trial(Product.apply, (x,))


def _weight(bench: Bench) -> Tensor:
    q = bench.question
    return bench.random(q["modules"], q["inner"], q["outer"], learns=False)


def per_step(bench: Bench) -> Trial:
    """The bank's weight gradient at each use, summed as autograd does."""
    ends, outer = bench.rows.ends, rows_outer if bench.device.type == "cuda" else gmm_w

    def run(x: Tensor, y: Tensor) -> Tensor:
        whole = outer(x, y, ends)
        for _ in range(bench.question["uses"] - 1):
            whole = whole + outer(x, y, ends)
        return whole

    return Trial(run, _both_sides(bench), has_backward=False)


def joined(bench: Bench) -> Trial:
    """The bank's weight gradient in one go over all uses."""
    try:
        from dnac.lowering.kernels.outer import rows_outer_joined
    except ImportError as missing:
        raise NotHere(f"its kernel cannot be loaded ({missing})") from None
    uses, ends = bench.question["uses"], bench.rows.ends
    run = lambda x, y: rows_outer_joined([x] * uses, [y] * uses, [ends] * uses)
    return Trial(run, _both_sides(bench), has_backward=False)


def _both_sides(bench: Bench) -> tuple[Tensor, Tensor]:
    q = bench.question
    return bench.random(q["rows"], q["inner"], learns=False), bench.random(q["rows"], q["outer"], learns=False)


def by_sort(bench: Bench) -> Trial:
    """torch's stable sort, and what follows from it."""
    modules = bench.question["modules"]
    ids = bench.ids
    return Trial(lambda: sort_rows(ids, tuple(range(modules)), modules + 1).inverse, (), has_backward=False)


def by_count(bench: Bench) -> Trial:
    """Our two kernels, which count."""
    try:
        from dnac.lowering.kernels.order import counted_rows
    except ImportError as missing:
        raise NotHere(f"its kernel cannot be loaded ({missing})") from None
    modules = bench.question["modules"]
    ids = bench.ids
    return Trial(lambda: counted_rows(ids, tuple(range(modules)), modules + 1).inverse, (), has_backward=False)


# --- modules that run for all tokens -------------------------------------------------------------------


def sdpa(bench: Bench) -> Trial:
    """torch's attention over whole sequences."""
    q = bench.question
    B, T = q["sequences"], q["tokens"]
    at = torch.arange(T, device=bench.device)
    seen = None if bench.window is None else in_reach(at, at, causal=bool(q["causal"]), window=bench.window)[None]
    causal = seen is None and bool(q["causal"])
    return Trial(lambda q, k, v: by_sdpa(q, k, v, seen, causal=causal), _queries(bench, B, T))


def linear(bench: Bench) -> Trial:
    """One product for all tokens, with both gradients."""
    q = bench.question
    return Trial(torch.matmul, (bench.random(q["rows"], q["inner"]), bench.random(q["inner"], q["outer"])))


MAKERS: dict[tuple[str, str], Maker] = {
    ("attention", "segments"): segments,
    ("attention", "flex"): flex,
    ("attention", "varlen"): varlen,
    ("attention", "mask"): mask,
    ("wide_attention", "mask"): mask,
    ("product", "tiles"): tiles,
    ("product", "aten"): aten,
    ("product", "loop"): loop,
    ("weight_gradient", "joined"): joined,
    ("weight_gradient", "per_step"): per_step,
    ("order", "count"): by_count,
    ("order", "sort"): by_sort,
    ("dense_attention", "sdpa"): sdpa,
    ("dense_product", "linear"): linear,
}
"""Every candidate of `schedule.candidates`, by group and name."""
