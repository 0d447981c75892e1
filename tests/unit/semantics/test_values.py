"""Numbers, units, words and lists: what an expression means in a field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checking import POOL, ROUTER, codes, graph, messages, net


def hidden(expr: str, head: str = "") -> object:
    made = graph(net(f"mlp(gelu, {expr})").replace("dna 1\n", f"dna 1\n{head}"))
    return made.modules[0].parts[0].kind["hidden"]


@pytest.mark.parametrize(
    ("expr", "value"),
    [("2 * 3 + 4", 10), ("2 * (3 + 4)", 14), ("48 / 3", 16), ("- -7", 7), ("4x", 64), ("1.5x", 24), ("2x * 2", 64),
     ("1x + 0.5x", 24), ("1k", 1000), ("2Ki / 4", 512), ("30 - 20 - 5", 5), ("1.5k", 1500), ("3 * 32x / 96x", 1)],
)  # fmt: skip
def test_arithmetic_is_exact(expr: str, value: int) -> None:
    assert hidden(expr) == value


@given(a=st.integers(1, 10**8), b=st.integers(1, 10**8))
def test_products_and_even_quotients_of_whole_numbers_stay_whole(a: int, b: int) -> None:
    assert hidden(f"{a} * {b} / {b} - {a} + 1") == 1


@pytest.mark.parametrize(
    ("expr", "code"),
    [("7 / 2", "DNA312"), ("4x + 1", "DNA310"), ("2x * 2x", "DNA310"), ("1 / 0", "DNA309"), ("30%", "DNA304"),
     ("1e17 * 1e17", "DNA311"), ("gelu * 2", "DNA313"), ('"4"', "DNA303"), ("[4]", "DNA303"), ("0", "DNA305"),
     ("-1x", "DNA305"), ("0.03x", "DNA312"), ("4 < 5", "DNA303"), ("nothing", "DNA201"), ("2.0", "DNA312")],
)  # fmt: skip
def test_faults_of_values(expr: str, code: str) -> None:
    assert codes(net(f"mlp(gelu, {expr})")) == [code]


def test_a_param_may_be_a_number_a_word_a_word_with_arguments_or_a_list() -> None:
    head = "param act = swiglu(24)\nparam sides = [8, 16]\n"
    text = net("mlp(act)\nmlp(gelu, sides[1])").replace("dna 1\n", f"dna 1\n{head}")
    assert [m.parts[0].kind["hidden"] for m in graph(text).modules] == [24, 16]


def test_params_see_those_above_them_only() -> None:
    assert hidden("b", "param a = 6\nparam b = a * 4\n") == 24
    assert codes(net("mlp(gelu, b)").replace("dna 1\n", "dna 1\nparam b = a * 4\nparam a = 6\n")) == ["DNA207"]


def test_a_share_may_be_written_in_percent_or_as_a_fraction() -> None:
    made = graph(net("mlp(gelu, 1x, dropout = 12.5%)\nmlp(gelu, 1x, dropout = 0.125)"))
    assert [m.parts[0].kind["dropout"] for m in made.modules] == [0.125, 0.125]


def test_a_word_of_the_field_comes_before_a_member_and_a_member_before_a_name() -> None:
    text = net(
        "pool p { block = mlp(gelu, 1x); rest = identity() }\n"
        "route p by { choose = top(1); weight = raw; balance = skip_target(rest, share) }"
    ).replace("dna 1\n", "dna 1\nparam share = 20%\n")
    term = graph(text).routers[0].fields["balance"][0]  # type: ignore[index]
    assert (term["member"], term["share"]) == ("rest", 0.2)  # type: ignore[index, call-overload]


def test_one_term_is_a_list_of_one() -> None:
    text = net(POOL + "route nodes by { choose = top(1); weight = raw; balance = z(1e-3) }")
    assert [t.name for t in graph(text).routers[0].fields["balance"]] == ["z"]  # type: ignore[union-attr]


def test_a_schedule_becomes_a_form() -> None:
    rate = "schedule(0, linear(1e-3, 2%), cosine(1e-4, steps(500)))"
    text = net(POOL + f"route nodes by {{ choose = top(1); weight = raw; balance = z({rate}) }}")
    schedule = graph(text).routers[0].fields["balance"][0]["weight"]  # type: ignore[index, call-overload]
    assert schedule["start"] == 0.0
    assert [(p.name, p["target"]) for p in schedule["pieces"]] == [("linear", 1e-3), ("cosine", 1e-4)]
    assert schedule["pieces"][0]["until"] == 0.02 and schedule["pieces"][1]["until"]["n"] == 500


def test_a_target_of_a_schedule_takes_the_unit_of_its_field() -> None:
    target = "skip_target(skip, schedule(0%, linear({}, 50%)))"
    text = net(POOL + f"route nodes by {{ choose = top(1); weight = raw; balance = {target.format('20%')} }}")
    share = graph(text).routers[0].fields["balance"][0]["share"]  # type: ignore[index, call-overload]
    assert (share["start"], share["pieces"][0]["target"]) == (0.0, 0.2)
    for wrong, code in (("20", "DNA304"), ("120%", "DNA506")):
        assert codes(text.replace("20%", wrong)) == [code]


def test_read_of_the_stream_is_a_list_and_normed_a_word() -> None:
    text = net(POOL + "route nodes by { read = [h]; choose = top(1); weight = raw; balance = [] }")
    assert graph(text).routers[0].fields["read"].name == "raw_stream"  # type: ignore[union-attr]


def test_weight_and_balance_are_filled_where_all_run() -> None:
    fields = graph(net(POOL + "route nodes by { choose = all }")).routers[0].fields
    assert (fields["weight"].name, fields["balance"]) == ("raw", ())  # type: ignore[union-attr]


def test_several_faults_of_one_call_are_all_told() -> None:
    assert codes(net("attention(heads = 2.5, dropout = 200%, widht = 3, norm = rmss)")) == [
        "DNA312", "DNA305", "DNA301", "DNA308",
    ]  # fmt: skip
    assert codes(net("attention(heads = 0, dropout = 200%)")) == ["DNA305", "DNA305"]


@pytest.mark.parametrize(
    ("item", "code"),
    [("block[1:1]", "DNA315"), ("block[2:1]", "DNA315"), ("block[0:5]", "DNA315"), ("block[4]", "DNA315"),
     ("block[-1]", "DNA315"), ("blok", "DNA520"), ("block[0.5]", "DNA312"), ("skip[0:1]", ""), ("block[3:4]", "")],
)  # fmt: skip
def test_slices_and_indices_lie_within_the_pool(item: str, code: str) -> None:
    router = "by { choose = top(1); weight = raw; balance = [] }"
    text = net(POOL + f"route nodes {router}\nroute [nodes.{item}, mlp(gelu, 1x)] {router}")
    assert codes(text) == [code] * bool(code)


def test_members_that_a_fixed_choice_never_takes_are_told() -> None:
    route = "route nodes by { choose = fixed(0); weight = raw; balance = [] }"
    assert messages(net(POOL + route)) == [
        "DNA509 5:16 no route can choose `nodes.block[1:4]`", "DNA509 5:42 no route can choose `nodes.skip`",
    ]  # fmt: skip
    assert codes(net(POOL + route + "\nroute [nodes.skip, nodes.block[1:4]] by { choose = all }")) == []


def test_members_that_no_slice_takes_are_told() -> None:
    router = f"by {{ {ROUTER} }}"
    first, second = f"route [nodes.block[0:2], nodes.skip] {router}", f"route [nodes.block[3], nodes.skip] {router}"
    found = messages(net(f"{POOL}{first}\n{second}"))
    assert found == ["DNA509 5:16 no route can choose `nodes.block[2]`"]
    assert codes(net(POOL + f"route [nodes.block[0:2], nodes.skip] {router}\nroute nodes {router}")) == []


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (
            "score = constant([1.0, 3.0, 2.0, 0.0, 0.0]); choose = top(2); balance = []",
            ["nodes.block[0, 3]", "nodes.skip"],
        ),
        ("score = constant([1.0, 1.0, 1.0, 1.0, 1.0]); choose = top(4); balance = []", ["nodes.skip"]),
        ("score = constant([1.0, 3.0, 2.0, 0.0, 0.0]); choose = top(2); balance = [load_bias(1e-3)]", []),
        ("score = constant([1.0, 3.0, 2.0, 0.0, 0.0]); choose = top(2); noise = jitter(1%); balance = []", []),
        ("score = constant(); choose = top(2); balance = []", []),
    ],
)
def test_members_that_written_scores_never_choose_are_told(settings: str, missing: list[str]) -> None:
    found = messages(net(POOL + f"route nodes by {{ weight = raw; {settings} }}"))
    assert [m.rpartition("`")[0].rpartition("`")[2] for m in found] == missing
    assert all(m.startswith("DNA509") for m in found)
