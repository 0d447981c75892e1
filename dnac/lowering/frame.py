"""What one call of a program knows besides weights: who asks, for which tokens, with which counter.

B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.lowering import draws
from dnac.lowering.attention import Table, rotary_table
from dnac.lowering.base import Call, Watch
from dnac.lowering.knobs import AtKnob


@dataclass
class Frame:
    """One forward pass. `carried` is filled while it runs."""

    inputs: Tensor
    batch: int
    tokens: int
    is_text: bool
    training: bool
    record: bool
    decoding: bool
    """Whether routers choose as while generating."""
    seed: Tensor | int
    step: Tensor | int
    """Train step; 0 at evaluation."""
    samples: Tensor
    """[B] int64: global sample index."""
    carried: list[tuple[tuple[int, ...], str, Any]] = field(default_factory=list)
    """What attention of earlier routing steps left for `sees = module`: (modules, part, keys)."""
    history: list[Any] = field(default_factory=list)
    """Keys of all attention that ran so far at routing steps with `sees = history`, in order."""
    watch: Watch | None = None
    """See `Call`."""
    knobs: Tensor | None = None
    """See `Call`."""
    tells: bool = True
    """Whether routing steps report about themselves; not token by token, where nobody asks."""
    made: dict[Any, Any] = field(default_factory=dict)
    """What is made once per call and used in many places."""

    def positions(self) -> Tensor:
        """[T] int64: position in the sequence."""
        return torch.arange(self.tokens, device=self.inputs.device)

    def table(self, form: Form, width: int, like: torch.dtype) -> Table | None:
        """cos and sin [T, E / 2] of the positions' angles, made once per call; None where nothing turns."""
        dtype = torch.promote_types(like, torch.float32)
        key = "table", form.name, str(form.get("base")), width, dtype
        if key not in self.made:
            self.made[key] = rotary_table(form, width, self.positions().to(dtype))
        return self.made[key]

    def token_ids(self) -> Tensor:
        """[B, T] int64: token ids (text) or positions (image)."""
        if self.is_text:
            return self.inputs
        return self.positions()[None].expand(self.batch, self.tokens)

    def uniform(self, *words: Tensor | int) -> Tensor:
        """Float64 in (0, 1) per (seed, train step, words)."""
        return draws.uniform(self.seed, self.step, *words)

    def dropout(self, x: Tensor, rate: float, *words: Tensor | int) -> Tensor:
        """Zero a share `rate` of the features of x [..., D], and scale the rest to keep the mean.

        `words` [...] name the row; the feature's index is the last word.
        """
        feature = torch.arange(x.shape[-1], device=x.device)
        wide = tuple(w[..., None] if isinstance(w, Tensor) and w.dim() else w for w in words)
        kept = draws.keep(rate, self.seed, self.step, *wide, feature)
        return torch.where(kept, x / (1 - rate), 0)

    def kept_layers(self, rate: float | AtKnob, *words: Tensor | int) -> Tensor:
        """Whether each row runs, bool; `words` name site, module and sample."""
        if not isinstance(rate, AtKnob):
            return draws.keep(rate, self.seed, self.step, *words)
        present = rate.start if self.knobs is None else self.knobs[rate.place]
        return draws.keep(present, self.seed, self.step, *words)

    def earlier(self, modules: tuple[int, ...], part: str) -> list[Any]:
        """What any of these modules left in earlier routing steps, in order."""
        return [keys for made_by, of, keys in self.carried if of == part and any(m in made_by for m in modules)]


def frame_of(call: Call, *, tokens: int, is_text: bool, training: bool, record: bool) -> Frame:
    """The frame of one call. `tokens` is T for images; a text may be shorter than its context."""
    batch, device = call.inputs.shape[0], call.inputs.device
    seed, step = (0, 0) if call.seeds is None else (call.seeds[0], call.seeds[1])
    samples = torch.arange(batch, device=device) if call.samples is None else call.samples
    return Frame(
        inputs=call.inputs,
        batch=batch,
        tokens=call.inputs.shape[1] if is_text else tokens,
        is_text=is_text,
        training=training,
        record=record,
        decoding=call.decode,
        seed=seed,
        step=step if training else 0,
        samples=samples,
        watch=call.watch,
        knobs=call.knobs,
    )
