"""The words that the grammar itself holds. A name may not be one of them."""

from __future__ import annotations

ITEMS = ("use", "param", "def", "net", "train")
"""Words that begin an item of a file."""

DECLARATIONS = ("input", "embed", "head", "budget", "module", "router", "pool", "stream", "init", "assert")
"""Words that begin a declaration inside a net or a `def module`."""

STEPS = ("repeat", "parallel", "route", "halt", "tap")
"""Words that begin a step."""

JOINTS = ("dna", "as", "by", "with")
"""Words that stand between other words."""

STATEMENTS = DECLARATIONS + STEPS
KEYWORDS = frozenset((*ITEMS, *STATEMENTS, *JOINTS))

SUFFIXES: dict[str, int] = {
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "B": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
}
"""Suffixes that multiply a number."""

UNITS = ("%", "x")
"""Suffixes that say of what a number is a part or a multiple."""

FORMS: dict[str, str] = {
    "use": 'use "std/routers.dna" as r',
    "param": "param width = 256",
    "def": "def module block(heads = 4) { ... }",
    "net": "net name { ... }",
    "train": "train name { data = ...; valid = ... }",
    "input": "input text(context = 256, vocabulary = 256)",
    "embed": "embed tokens(256, positions = learned)",
    "head": "head lm = unembed(tied = true)",
    "budget": "budget purse = flops(40%)",
    "module": "module a = transformer(heads = 4)",
    "router": "router hub { choose = top(1); weight = raw; balance = [] }",
    "pool": "pool nodes { block[8] = transformer(heads = 4); skip = identity() }",
    "stream": "stream side",
    "init": "init layers.block = checkpoint(...)",
    "assert": "assert params < 50M",
    "repeat": "repeat 12 as t { ... }",
    "parallel": "parallel(norm = rms) { ... }",
    "route": "route nodes by { choose = top(1); weight = raw; balance = [] }",
    "halt": "halt by { ... }",
    "tap": "tap lm(loss = 0.1)",
}
"""How each form is written, for messages."""

NAMED = ("net", "module", "router", "pool", "head", "budget", "param", "train", "stream", "as")
"""Words that are followed by a name."""
