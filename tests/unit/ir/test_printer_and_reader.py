"""The printed graph is complete: reading it back gives an equal graph."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

import golden
from dnac.ir.form import Form, form
from dnac.ir.forms import read_form
from dnac.ir.graph import Apply, Graph, Join, Member, ModuleSet, Node, Norm, Part, Region, Route, RouterSet, SharedSet
from dnac.ir.printer import print_form, print_graph
from dnac.ir.reader import read_graph
from dnac.ir.verify import verify
from graphs import mlp, tiny_text, transformer

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=6),
        st.builds(Form, NAMES),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.builds(lambda name, args: Form(name, tuple(args.items())), NAMES, st.dictionaries(NAMES, inner, max_size=3)),
    ),
    max_leaves=6,
)
FORMS = st.builds(lambda name, args: Form(name, tuple(args.items())), NAMES, st.dictionaries(NAMES, VALUES, max_size=4))


@given(FORMS)
def test_reading_a_printed_form_gives_the_form(written: Form) -> None:
    read = read_form(print_form(written))
    assert read == written
    assert [type(v) for _, v in read.args] == [type(v) for _, v in written.args]  # 1 == 1.0 == True


@pytest.mark.parametrize("text", ["", "top{k=}", "top{k=1", "top{k=1}}", "top{1}", "3", "top{k=1 l=2}"])
def test_a_broken_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_form(text)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Legal graphs of every sort of node, with names that are also words of the printed form."""
    makes = draw(st.lists(st.lists(st.builds(Part, NAMES, FORMS), max_size=2).map(tuple), min_size=1, max_size=3))
    words = draw(
        st.lists(st.sampled_from(["step", "a[0]", "over", "by.x", "runs", "banks[1].b"]), min_size=3, unique=True)
    )
    modules = tuple(ModuleSet(words[i], draw(st.sampled_from([None, 1, 3])), parts) for i, parts in enumerate(makes))
    members = [Member(m.name, i) for m in modules for i in (range(m.count) if m.count else [None])]
    shared = (
        SharedSet("embed", "embed", draw(FORMS)),
        SharedSet("head", "lm", draw(FORMS)),
        SharedSet("norm", "n", draw(FORMS)),
    )
    nodes: list[Node] = []
    routers: list[RouterSet] = []
    x = "h0"
    for step in range(draw(st.integers(0, 3))):
        size = draw(st.integers(1, 4))
        chosen = tuple(draw(st.lists(st.sampled_from(members), min_size=size, max_size=size)))
        idle = {i for i, m in enumerate(chosen) if not modules[[s.name for s in modules].index(m.set)].parts}
        routers.append(RouterSet(f"r{step}", size, form("router", choose=draw(FORMS))))
        nodes.append(Norm(f"n{step}", x, "n"))
        nodes.append(
            Route(
                f"h{step + 1}",
                x,
                draw(st.sampled_from([x, f"n{step}"])),
                f"at[{step}]",
                step,
                f"r{step}",
                chosen,
                always=tuple(draw(st.lists(st.sampled_from(members), max_size=2))),
                runs=tuple(sorted(set(range(size)) - idle)),
                skips=tuple(sorted(idle)),
            )
        )
        x = f"h{step + 1}"
    nodes.append(Apply("j0", x, x, members[0], site=draw(st.sampled_from(["", "step"]))))
    nodes.append(Join("j", x, (("j0",),)))
    base = tiny_text(steps=1)
    return Graph(
        name="net", input=draw(FORMS), width=draw(st.integers(1, 99)), tokens=draw(st.integers(1, 99)), shared=shared,
        modules=modules, routers=tuple(routers), nodes=(base.nodes[0], *nodes, type(base.nodes[-1])("out", "j", "lm")),
        asserts=tuple(draw(st.lists(st.text(max_size=9), max_size=2))),
    )  # fmt: skip


@given(graphs())
def test_reading_a_printed_graph_gives_the_graph(graph: Graph) -> None:
    verify(graph)
    assert read_graph(print_graph(graph)) == graph


def test_a_printed_graph_reads_at_a_glance() -> None:
    golden.check("ir/tiny_text.ir", print_graph(tiny_text(k=2, skips=2)))


def test_banks_and_regions_are_read_back() -> None:
    from dnac.passes.pipeline import optimize

    rolled = optimize(tiny_text(), "O2")
    assert any(isinstance(node, Region) for node in rolled.nodes)
    assert read_graph(print_graph(rolled)) == rolled


def test_a_member_is_not_taken_for_a_set_of_the_same_text() -> None:
    base = tiny_text(steps=1, skips=0)
    both = (ModuleSet("a", 2, transformer()), ModuleSet("a[1]", None, (Part("mlp", mlp()),)))
    for module in (Member("a", 1), Member("a[1]")):
        graph = Graph(**{**vars_of(base), "modules": base.modules + both, "nodes": (
            base.nodes[0], Apply("h1", "h0", "h0", module), *base.nodes[2:],
        )})  # fmt: skip
        assert read_graph(print_graph(graph)) == graph


def test_a_wrong_type_is_refused_with_its_line() -> None:
    text = print_graph(tiny_text(steps=1)).replace("ids[B,T,1]", "ids[B,T,7]")
    with pytest.raises(ValueError, match=r"line 1\d: h2 has the type"):
        read_graph(text)


def vars_of(graph: Graph) -> dict[str, object]:
    """Fields of a graph, for one with some changed."""
    names = ("name", "input", "width", "tokens", "shared", "modules", "routers", "nodes", "asserts")
    return {name: getattr(graph, name) for name in names}
