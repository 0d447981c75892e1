"""`with` and `--set`: default < file < with < --set, by the names that the state dict uses."""

import pytest

from checking import POOL, ROUTER, checked, codes, good, graph, net
from dnac.ir.graph import Graph, Route

TEXT = net(
    POOL + f"module a = mlp(gelu, 2x)\nbody: repeat 3 {{ a; hop: route nodes by {{ {ROUTER} }}; attention(heads = 2) }}"
)


def k(made: Graph) -> list[object]:
    return [r.fields["choose"].get("k") for r in made.routers]  # type: ignore[union-attr]


def test_a_path_without_turn_sets_every_turn() -> None:
    assert k(graph(TEXT, "hop.choose=top(2)")) == [2, 2, 2]


def test_a_path_with_a_turn_sets_that_turn() -> None:
    assert k(graph(TEXT, "hop[1].choose=top(2)")) == [1, 2, 1]


@pytest.mark.parametrize("order", [1, -1])
def test_the_more_exact_path_wins_whatever_the_order(order: int) -> None:
    settings = ["hop.choose=top(2)", "hop[1].choose=top(3)"][::order]
    assert k(graph(TEXT, *settings)) == [2, 3, 2]


def test_the_command_line_wins_over_with_even_where_with_is_more_exact() -> None:
    text = TEXT + "net b = n with { hop[1].choose = top(3) }"
    assert k(graph(text, name="b")) == [1, 3, 1]
    assert k(graph(text, "hop.choose=top(2)", name="b")) == [2, 2, 2]


def test_a_later_derivation_wins_over_an_earlier_one() -> None:
    text = TEXT + "net b = n with { hop.choose = top(2); a.hidden = 8 }\nnet c = b with { hop.choose = top(4) }\n"
    made = graph(text, name="c")
    assert k(made) == [4, 4, 4] and made.module["a"].parts[0].kind["hidden"] == 8
    assert k(graph(text, name="n")) == [1, 1, 1]


def test_counts_of_labelled_repeats_and_of_members_can_be_set() -> None:
    made = graph(TEXT, "body=5", "nodes.block.count=2")
    assert len([n for n in made.nodes if isinstance(n, Route)]) == 5
    assert made.module["nodes.block"].count == 2


def test_a_whole_module_can_be_replaced_and_its_fields_still_set() -> None:
    made = graph(TEXT, "nodes.block=attention(heads=2)", "nodes.block.heads=4")
    assert made.module["nodes.block"].parts[0].kind["heads"] == 4


def test_a_reused_module_is_set_where_it_is_declared() -> None:
    made = graph(TEXT, "a=mlp(relu, 1x)")
    assert [m.name for m in made.modules].count("a") == 1
    assert made.module["a"].parts[0].kind["activation"].name == "relu"  # type: ignore[union-attr]


def test_the_width_reaches_all_that_is_reckoned_from_it() -> None:
    made = graph(TEXT, "embed.width=32")
    assert made.width == 32 and made.module["a"].parts[0].kind["hidden"] == 64


def test_params_inside_used_files_are_set_by_the_name_of_the_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "lib.dna").write_text("dna 1\nparam hidden = 24\ndef module block() { mlp(gelu, hidden) }\n")
    text = 'dna 1\nuse "lib.dna" as lib\n' + net("lib.block()")[6:]
    for setting, hidden in (((), 24), (("lib.hidden=48",), 48)):
        made = graph(text, *setting, path=tmp_path / "x.dna")
        assert made.module["block"].parts[0].kind["hidden"] == hidden


def test_arguments_of_a_recipe_and_of_the_kinds_in_it_can_be_set() -> None:
    recipe = "dna 1\ndef module block(h) { mlp(gelu, h); up: mlp(gelu, h) }\n"
    text = net("first: block(16)").replace("dna 1\n", recipe)
    kinds = [p.kind for p in graph(text, "first.h=8", "first.up.activation=relu").module["first"].parts]
    assert [(x["hidden"], x["activation"].name) for x in kinds] == [(8, "gelu"), (8, "relu")]  # type: ignore[union-attr]


def test_arguments_and_fields_of_a_router_recipe_can_be_set() -> None:
    recipe = "dna 1\ndef router mine(k = 1) { choose = top(k); weight = raw; balance = [] }\n"
    text = net(POOL + "hop: route nodes by mine(k = 2)").replace("dna 1\n", recipe)
    made = graph(text, "hop.k=3", "hop.weight=renormalised")
    assert k(made) == [3] and made.routers[0].fields["weight"].name == "renormalised"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "path",
    ["hop.chose", "hop[3].choose", "hop", "hopp.choose", "nodes.block[1].hidden", "nodes.skip.count", "hop.choose.k",
     "width", "train.lr", "nodes", "a.b.c"],
)  # fmt: skip
def test_a_setting_that_hits_nothing_is_an_error(path: str) -> None:
    assert codes(TEXT, f"{path}=2") == ["DNA216"]


def test_a_setting_of_the_command_line_must_hit_one_net_and_need_not_hit_all() -> None:
    text = TEXT + net("early: mlp(gelu, 1x)").replace("dna 1\n", "").replace("net n", "net m")
    result = checked(text, "early.hidden=8")
    assert not result.bag.has_errors and len(result.nets) == 2


def test_a_derived_net_inherits_the_train_block_and_can_change_it() -> None:
    data = 'data = stdlib_text(split = "train"); valid = stdlib_text(split = "valid")'
    train = f"\ntrain n {{ {data}; batch = sequences(8); length = steps(100); lr = 1e-3 }}\n"
    text = TEXT + "net b = n with { train.lr = 1e-4 }" + train
    assert [good(text, name=name).train["lr"] for name in "nb"] == [1e-3, 1e-4]  # type: ignore[index]
    assert good(text, "train.seed=7", name="b").train["seed"] == 7  # type: ignore[index]


def test_an_own_train_block_wins_over_that_of_the_base() -> None:
    data = 'data = stdlib_text(split = "train"); valid = stdlib_text(split = "valid")'
    rest = "batch = sequences(8); length = steps(100)"
    text = (
        TEXT + f"train n {{ {data}; {rest}; lr = 1e-3 }}\nnet b = n with {{ }}\ntrain b {{ {data}; {rest}; lr = 2e-3 }}"
    )
    assert good(text, name="b").train["lr"] == 2e-3  # type: ignore[index]


def test_a_replaced_param_may_be_a_word() -> None:
    text = net("mlp(act, 1x)").replace("dna 1\n", "dna 1\nparam act = gelu\n")
    assert graph(text, "act=swiglu").modules[0].parts[0].kind["activation"].name == "swiglu"  # type: ignore[union-attr]
