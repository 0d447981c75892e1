"""Random numbers as a function of a counter: no state, alike in every lowering and on every device.

A draw is a hash of words such as (seed, train step, site, sample, position, feature). Whoever asks
for the same words gets the same bits: the reference, a bank of sorted rows, a recomputed forward
pass, a resumed run. Words are integers or int64 tensors that broadcast.

    a = a0 + sum_j A_j half_j,  b = b0 + sum_j B_j half_j   (mod 2^32, over the 32-bit halves of all words)
    high = mix(a ^ mix(b)),  low = mix(b ^ mix(a))

`mix` is the mixer of C. Wellons' hash prospector (xorshift 16, 15, 15; multipliers 0x21f0aaad,
0x735a2d97). The words are joined by a sum, and mixed only at the end, for the compiler's sake: each
xorshift uses its argument twice, a compiler that fuses element-wise work writes both uses out, and a
mixer after every word doubled the program some forty times over (a compile that never ended). All
factors are below 2^31, so a product of a 32-bit half never overflows int64: signed overflow would be
undefined in compiled C++.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from dnac.lowering.device import constant

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


def together(words: Sequence[Tensor | int], device: torch.device) -> Tensor:
    """[n] int64: words of names as one tensor, whether they are known while a program is traced or not."""
    if any(isinstance(word, Tensor) for word in words):
        return torch.stack([torch.as_tensor(word, device=device) for word in words])
    return constant(tuple(words), torch.int64, device)  # type: ignore[arg-type]


def uniform(*words: Tensor | int) -> Tensor:
    """Float64 strictly between 0 and 1, 52 bits, one per element of the broadcast words."""
    a, b = _lanes(words)
    high, low = _mix(a ^ _mix(b)), _mix(b ^ _mix(a))
    return ((high << 20 | low >> 12).to(torch.float64) + 0.5) * 2.0**-52


def keep(rate: float | Tensor, *words: Tensor | int) -> Tensor:
    """Bool, false with probability `rate`: which features dropout leaves alone."""
    a, b = _lanes(words)
    below = (rate * 2**32).round() if isinstance(rate, Tensor) else round(rate * 2**32)
    return _mix(a ^ _mix(b)) >= below


def _lanes(words: tuple[Tensor | int, ...]) -> tuple[Tensor, Tensor]:
    """Two 32-bit sums over the halves of all words; which word is where matters."""
    a: Tensor | int = 0x243F6A88  # digits of pi: any start will do
    b: Tensor | int = 0x85A308D3
    for place, word in enumerate(words):
        for side, half in enumerate((word & _LOW, word >> 32 & _LOW)):
            a = (a + half * _factor(4 * place + 2 * side)) & _LOW
            b = (b + half * _factor(4 * place + 2 * side + 1)) & _LOW
    return torch.as_tensor(a), torch.as_tensor(b)


def _factor(index: int) -> int:
    """An odd number below 2^31 without pattern."""
    return _mix(_mix(index + 1) ^ 0x9E3779B9) >> 1 | 1


def _mix(x: _Word) -> _Word:
    x = x ^ x >> 16
    x = x * 0x21F0AAAD & _LOW
    x = x ^ x >> 15
    x = x * 0x735A2D97 & _LOW
    return x ^ x >> 15
