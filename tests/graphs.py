"""Graphs built by hand, as elaboration would make them: for tests below the language."""

from __future__ import annotations

from dnac.ir.form import Form, form
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, ModuleSet, Part, Route, RouterSet, SharedSet
from dnac.kinds.router import RouterParams

NORM = form("layer")


def attention(**changes: object) -> Form:
    """A complete attention form."""
    whole = form(
        "attention",
        heads=2,
        kv_heads=2,
        norm=NORM,
        positions=form("none"),
        causal=True,
        window=None,
        width=16,
        bias=False,
        dropout=0.0,
        init=form("normal", std=0.02),
    )
    return whole.replace(**changes)  # type: ignore[arg-type]


def mlp(**changes: object) -> Form:
    """A complete mlp form."""
    whole = form(
        "mlp",
        activation=form("gelu", hidden=None),
        hidden=64,
        norm=NORM,
        bias=False,
        dropout=0.0,
        init=form("normal", std=0.02),
    )
    return whole.replace(**changes)  # type: ignore[arg-type]


def transformer() -> tuple[Part, ...]:
    """The two parts of a transformer module."""
    return (Part("attention", attention()), Part("mlp", mlp()))


def tiny_text(steps: int = 3, blocks: int = 4, skips: int = 1, k: int = 1, **router: object) -> Graph:
    """`embed; transformer; repeat steps { hop: route nodes }; head`, width 16, 12 tokens, bytes."""
    fields = {"choose": form("top", k=k), "weight": form("raw"), "balance": (), **router}
    params = RouterParams(**fields).form("router")  # type: ignore[arg-type]
    candidates = tuple(Member("nodes.block", i) for i in range(blocks)) + tuple(
        Member("nodes.skip", i) for i in range(skips)
    )
    routes = tuple(
        Route(
            id=f"h{s + 2}",
            x=f"h{s + 1}",
            view=f"h{s + 1}",
            site=f"hop[{s}]",
            step=s,
            router=f"hop[{s}]",
            candidates=candidates,
            runs=tuple(range(blocks)),
            skips=tuple(range(blocks, blocks + skips)),
        )
        for s in range(steps)
    )
    return Graph(
        name="tiny_text",
        input=form("text", context=12, vocabulary=256, tokenizer=form("bytes")),
        width=16,
        tokens=12,
        shared=(
            SharedSet(
                "embed",
                "embed",
                form("tokens", width=16, positions=form("learned"), dropout=0.0, init=form("normal", std=0.02)),
            ),
            SharedSet(
                "head",
                "lm",
                form("unembed", table=None, tied=False, norm=NORM, bias=False, init=form("normal", std=0.02)),
            ),
        ),
        modules=(
            ModuleSet("transformer", None, transformer()),
            ModuleSet("nodes.block", blocks, transformer()),
            *((ModuleSet("nodes.skip", skips, ()),) if skips else ()),
        ),
        routers=tuple(RouterSet(f"hop[{s}]", blocks + skips, params) for s in range(steps)),
        nodes=(
            Embed("h0", "embed"),
            Apply("h1", "h0", "h0", Member("transformer"), site="transformer"),
            *routes,
            Head("logits", f"h{steps + 1}", "lm"),
        ),
    )
