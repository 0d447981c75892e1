"""Counts what is as large as tokens times vocabulary: heads, and searches of their outputs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Wide(TorchDispatchMode):
    """Counts the operations that make a tensor of tokens times vocabulary, or that sort one."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.seen = size, Counter[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        touched = [t for t in tree_leaves((args, out)) if isinstance(t, torch.Tensor) and t.numel() >= self.size]
        if touched and not func.is_view:
            self.seen[func.overloadpacket.__name__] += 1
        return out
