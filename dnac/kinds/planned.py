"""Words that the language knows and dnac does not build yet: each answers DNA901 with one sentence.

Keys are (catalogue or field, word); (`argument`, `word.field`) for an argument of a built word; and
(`statement`, keyword) for a statement. Building a word moves it from here into its catalogue's folder.
"""

from __future__ import annotations

PLANNED: dict[tuple[str, str], str] = {
    # what a router reads
    ("read", "purse"): "what is left of the token's purse",
    # how it scores
    ("score", "norm"): "the norm of a candidate's own weights, as in Single-Path NAS",
    ("score", "product_keys"): "two tables of sub-keys whose pairs are the candidates, as in PEER",
    ("score", "external"): "scores that come from outside of the net, with each call",
    # for whom one decision is made
    ("scope", "pair"): "a choice for each pair of query and key, as sampled keys and merged tokens need it",
    # which candidates run
    ("limit", "purse"): "a purse that each token carries: say it by `budget NAME = flops(40%, per = token, by = hard)`",
    (
        "limit",
        "budget",
    ): "a budget declared in the net: `budget NAME = ...` holds for all routers that it covers, unasked",
    # what shapes the load
    ("balance", "agree"): "two views of one input shall choose alike",
    ("balance", "ratio"): "a loss on the share of tokens kept, as in DynamicViT",
    # modules
    ("module", "drop"): "a member that takes its tokens out of the sequence",
    ("module", "graph_conv"): "a convolution over a graph of tokens",
    ("module", "nested"): "nested slices of one module's weights",
    ("module", "split"): "disjoint slices of one module's weights",
    ("module", "tokens"): "token sets that change inside the net: axes, merging, pooling",
    # other words
    ("mask", "sample"): "a random share of the keys",
    ("mask", "decay"): "attention that fades with distance",
    ("budget", "device"): "a limit on measured time",
    # arguments of built words
    ("argument", "attention.mask"): "terms that decide which keys a query sees; `causal` and `window` are built",
    ("argument", "attention.over"): "attention along one axis of the tokens",
    ("argument", "attention.keys"): "keys shared by the members of a pool",
    ("argument", "attention.experts"): "a choice among value and output projections inside attention",
    ("argument", "attention.reads"): "streams that a module reads",
    ("argument", "attention.writes"): "the stream that a module writes",
    ("argument", "mlp.reads"): "streams that a module reads",
    ("argument", "mlp.writes"): "the stream that a module writes",
    ("argument", "transformer.mask"): "terms that decide which keys a query sees; `causal` and `window` are built",
    ("argument", "tokens.writes"): "the stream that the embed writes",
    ("argument", "unembed.reads"): "the streams or taps that a head reads",
    ("argument", "classify.reads"): "the streams or taps that a head reads",
    ("argument", "top.sticky"): "a token that skipped once skips from then on: say `exit()` in place of `identity()`",
    ("argument", "capacity.eval"): "another factor at evaluation",
    ("argument", "router.bias"): "a bias written in the file",
    ("argument", "router.per"): "one decision for several tokens; say it by `scope`",
    # statements
    ("statement", "stream"): "several residual streams side by side",
}
"""What each word will mean, in one sentence without a full stop."""
