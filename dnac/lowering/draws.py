"""Random numbers as a function of a counter: no state, alike in every lowering and on every device.

A draw is a hash of words such as (seed, train step, site, sample, position, feature). Whoever asks
for the same words gets the same bits: the reference, a bank of sorted rows, a recomputed forward
pass, a resumed run. Words are integers or int64 tensors that broadcast.

The hash absorbs 32 bits at a time into two lanes with the mixer of C. Wellons' hash prospector
(xorshift 16, 15, 15; multipliers 0x21f0aaad, 0x735a2d97). Both multipliers are below 2^31, so a
product of a 32-bit word never overflows int64: signed overflow would be undefined in compiled C++.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF
_Word = TypeVar("_Word", int, Tensor)


def name_word(name: str) -> int:
    """A name (site, module, branch) as a word of 63 bits, the same in every process (FNV-1a, which a
    traced program can run; the mixer does the rest).
    """
    word = 0xCBF29CE484222325
    for letter in name:
        word = ((word ^ ord(letter)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return word >> 1


def uniform(*words: Tensor | int) -> Tensor:
    """Float64 strictly between 0 and 1, 52 bits, one per element of the broadcast words."""
    high, low = _absorb_all(words)
    return ((high << 20 | low >> 12).to(torch.float64) + 0.5) * 2.0**-52


def keep(rate: float, *words: Tensor | int) -> Tensor:
    """Bool, false with probability `rate`: which features dropout leaves alone."""
    high, _ = _absorb_all(words)
    return high >= round(rate * 2**32)


def _absorb_all(words: tuple[Tensor | int, ...]) -> tuple[Tensor, Tensor]:
    a: Tensor | int = 0x243F6A88
    b: Tensor | int = 0x85A308D3  # digits of pi: any start will do
    for word in words:
        for half in (word & _LOW, word >> 32 & _LOW):
            a = _mix(a ^ half)  # type: ignore[type-var]
            b = _mix((b + a) & _LOW)  # type: ignore[type-var]
    # a last round in which both lanes see each other, so that `a` too depends on all 64 bits of state
    a = _mix(a ^ b)  # type: ignore[type-var]
    b = _mix((b + a) & _LOW)  # type: ignore[type-var]
    return torch.as_tensor(a), torch.as_tensor(b)


def _mix(x: _Word) -> _Word:
    x = x ^ x >> 16
    x = x * 0x21F0AAAD & _LOW
    x = x ^ x >> 15
    x = x * 0x735A2D97 & _LOW
    return x ^ x >> 15
