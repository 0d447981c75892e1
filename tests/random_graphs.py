"""Random legal graphs that also run: every sort of node, repeats written out, as elaboration makes them.

Seeded: the same seed gives the same graph. Width 8, 6 tokens, a vocabulary of 11.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from dnac.ir.form import Form, form
from dnac.ir.graph import (
    Apply,
    Embed,
    Graph,
    Head,
    Join,
    Member,
    ModuleSet,
    Node,
    Norm,
    Part,
    Route,
    RouterSet,
    SharedSet,
)
from dnac.kinds.router import RouterParams
from graphs import attention, mlp

WIDTH, TOKENS, VOCABULARY = 8, 6, 11
INIT = form("normal", std=0.5)
ATTENTION = Part("attention", attention(width=WIDTH, heads=2, kv_heads=1, init=INIT))
MLP = Part("mlp", mlp(hidden=8, init=INIT))
WIDE = Part("mlp", mlp(hidden=12, init=INIT))
MAKES: dict[str, tuple[Part, ...]] = {
    "block": (ATTENTION, MLP), "att": (ATTENTION,), "ff": (MLP,), "wide": (WIDE,), "idle": (),
}  # fmt: skip


def bare(part: Part) -> Part:
    """The part without its own norm, for a pool that owns it."""
    return replace(part, kind=part.kind.replace(norm=form("none")))


def random_graph(seed: int, only: str = "") -> Graph:
    """One graph; `only` names a statement (`apply`, `route`, `fixed`, `join`) to use alone."""
    return _Maker(seed, only).graph()


class _Maker:
    def __init__(self, seed: int, only: str = "") -> None:
        self.random = Random(seed)
        self.only = only
        self.modules: dict[str, ModuleSet] = {}
        self.routers: dict[str, RouterSet] = {}
        self.norms: dict[str, SharedSet] = {}
        self.nodes: list[Node] = []
        self.values = 0
        self.step = 0
        self.x = "h0"

    def graph(self) -> Graph:
        for i in range(self.random.randint(1, 3)):
            turns = self.random.choice((0, 0, 2, 3))
            outside = self.random.random() < 0.5
            seeds = [self.random.random() for _ in range(self.random.randint(1, 2))]
            for turn in range(max(1, turns)):
                suffix = f"[{turn}]" if turns else ""
                for j, seed in enumerate(seeds):
                    self.statement(Random(seed), f"s{i}_{j}", suffix, "" if outside else suffix)
        return Graph(
            name="random",
            input=form("text", context=TOKENS, vocabulary=VOCABULARY, tokenizer=form("bytes")),
            width=WIDTH,
            tokens=TOKENS,
            shared=(
                SharedSet(
                    "embed", "embed", form("tokens", width=WIDTH, positions=form("none"), dropout=0.0, init=INIT)
                ),
                SharedSet(
                    "head", "lm", form("unembed", table=None, tied=False, norm=form("layer"), bias=False, init=INIT)
                ),
                *self.norms.values(),
            ),
            modules=tuple(self.modules.values()),
            routers=tuple(self.routers.values()),
            nodes=(Embed("h0", "embed"), *self.nodes, Head("logits", self.x, "lm")),
        )

    def statement(self, r: Random, name: str, site: str, own: str) -> None:
        """Draws from `r` alone decide what it is, so that every turn makes the same statement."""
        kind = self.only or r.choice(("apply", "route", "route", "fixed", "join"))
        if kind == "apply":
            self.apply(self.members(r, f"{name}{own}", 1)[0], f"{name}{site}")
        elif kind == "join":
            self.join(r, name, site, own)
        else:
            self.route(r, f"{name}{site}", f"{name}{own}", is_fixed=kind == "fixed")

    def members(self, r: Random, name: str, size: int, has_norm: bool = False) -> list[Member]:
        found: list[Member] = []
        for make in r.sample(sorted(MAKES), r.randint(1, min(3, size))):
            parts = tuple(map(bare, MAKES[make])) if has_norm else MAKES[make]
            count = r.choice((None, 1, 2, 3)) if size > 1 else None
            entry = self.modules.setdefault(f"{name}.{make}", ModuleSet(f"{name}.{make}", count, parts))
            found += [Member(entry.name, i) for i in range(count)] if count else [Member(entry.name)]
        return found

    def value(self) -> str:
        self.values += 1
        return f"h{self.values}"

    def apply(self, member: Member, site: str) -> str:
        node = Apply(self.value(), self.x, self.x, member, site=site)
        self.nodes.append(node)
        self.x = node.id
        return node.id

    def join(self, r: Random, name: str, site: str, own: str) -> None:
        start, branches = self.x, []
        for b in range(r.randint(1, 3)):
            self.x, ids = start, []
            for i in range(r.randint(1, 2)):
                member = self.members(r, f"{name}b{b}_{i}{own}", 1)[0]
                ids.append(self.apply(member, f"{name}b{b}_{i}{site}"))
            branches.append(tuple(ids))
        node = Join(self.value(), start, tuple(branches))
        self.nodes.append(node)
        self.x = node.id

    def route(self, r: Random, site: str, own: str, *, is_fixed: bool) -> None:
        has_norm = r.random() < 0.3
        members = self.members(r, own, 3, has_norm)
        view = self.norm(own) if has_norm else self.x
        always = tuple(self.members(r, f"{own}.shared", 1, has_norm)) if r.random() < 0.2 else ()
        router = own if r.random() < 0.3 else site
        skips = tuple(i for i, m in enumerate(members) if not self.modules[m.set].parts)
        runs = tuple(i for i in range(len(members)) if i not in skips)
        fields = limited(r, self.fields(r, len(members), has_norm, is_fixed), runs, skips, is_fixed)
        if router not in self.routers:
            self.routers[router] = RouterSet(router, len(members), fields)
        node = Route(
            self.value(), self.x, view, site, self.step, router, tuple(members), always, runs, skips
        )  # fmt: skip
        self.step += 1
        self.nodes.append(node)
        self.x = node.id

    def norm(self, name: str) -> str:
        self.norms.setdefault(f"{name}.norm", SharedSet("norm", f"{name}.norm", form("rms")))
        node = Norm(f"n{self.values + 1}", self.x, f"{name}.norm")
        self.nodes.append(node)
        return node.id

    def fields(self, r: Random, size: int, has_norm: bool, is_fixed: bool) -> Form:
        choose = form("fixed", index=r.randrange(size)) if is_fixed else form("top", k=r.randint(1, size))
        if not is_fixed and r.random() < 0.2:
            choose = form("all")
        return RouterParams(
            read=form("normed" if has_norm and r.random() < 0.5 else "raw_stream"),
            score=form("linear", init=INIT),
            gate=form(r.choice(("softmax", "sigmoid"))),
            choose=choose,
            weight=form(r.choice(("raw", "one", "renormalised", "uniform"))),
            scale=r.choice((1.0, 1.0, 2.5)),
            combine=form(r.choice(("delta", "delta", "in_branch"))),
            balance=r.choice(((), (form("z", weight=1e-3),))),
            sees=form(r.choice(("peers", "peers", "everyone", "module"))),
        ).form("router")


def limited(r: Random, fields: Form, runs: tuple[int, ...], skips: tuple[int, ...], is_fixed: bool) -> Form:
    """Some routers with a capacity, and some whose modules choose their tokens, maybe with a predictor."""
    draw = r.random()
    if draw < 0.2:
        order, per = r.choice(("position", "gate")), r.choice(("sequence", "batch"))
        factor = r.choice((0.01, 0.6, 1.25))
        return fields.replace(limit=form("capacity", factor=factor, overflow="pass", order=order, per=per))
    if draw < 0.35 and runs and not is_fixed:
        takers = tuple(r.sample(runs, r.randint(1, len(runs)))) if skips else runs
        choose = form("top_tokens", share=r.choice((0.01, 0.4, 1.0)), member=None, per="sequence",
                      takers=tuple(sorted(takers)), rest=next(iter(skips), None))  # fmt: skip
        predictor = form("predictor", score=form("linear", init=INIT), loss=0.1)
        return fields.replace(choose=choose, decode=r.choice((form("none"), predictor)))
    return fields
