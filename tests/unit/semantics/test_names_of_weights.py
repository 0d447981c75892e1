"""Where a thing is declared decides how often it exists, and what it is called."""

from checking import POOL, ROUTER, TEXT, graph, net
from dnac.ir.graph import Apply, Join, Member, Norm, Route
from graphs import tiny_text


def sets(text: str) -> list[str]:
    return [m.name for m in graph(text).modules]


def routers(text: str) -> list[str]:
    return [r.name for r in graph(text).routers]


def test_the_graph_is_the_one_that_tests_build_by_hand() -> None:
    made = graph(
        "dna 1\nnet tiny_text {\n  input text(context = 12, vocabulary = 256, tokenizer = bytes)\n"
        "  embed tokens(16, positions = learned)\n  transformer(heads = 2)\n"
        "  pool nodes { block[4] = transformer(heads = 2); skip[1] = identity() }\n"
        "  repeat 3 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }\n"
        "  head lm = unembed(norm = layer)\n}\n"
    )
    by_hand = tiny_text()
    assert made.nodes == by_hand.nodes
    assert [(m.name, m.count, [p.name for p in m.parts]) for m in made.modules] == [
        (m.name, m.count, [p.name for p in m.parts]) for m in by_hand.modules
    ]
    assert [(r.name, r.size) for r in made.routers] == [(r.name, r.size) for r in by_hand.routers]
    assert [(s.role, s.name) for s in made.shared] == [(s.role, s.name) for s in by_hand.shared]
    assert (made.width, made.tokens, made.input["context"]) == (16, 12, 12)


def test_a_kind_in_place_is_fresh_in_every_turn() -> None:
    assert sets(net("repeat 3 { mlp(gelu, 2x) }")) == ["mlp[0]", "mlp[1]", "mlp[2]"]


def test_a_module_declared_outside_is_one_set_and_reused() -> None:
    made = graph(net("module a = mlp(gelu, 2x)\nrepeat 3 { a }"))
    assert [m.name for m in made.modules] == ["a"]
    applied = [n for n in made.nodes if isinstance(n, Apply)]
    assert [(n.module, n.site) for n in applied] == [
        (Member("a"), "a[0]"),
        (Member("a"), "a[1]"),
        (Member("a"), "a[2]"),
    ]


def test_a_module_declared_inside_is_one_set_a_turn() -> None:
    assert sets(net("repeat 2 { module a = mlp(gelu, 2x); a; a }")) == ["a[0]", "a[1]"]


def test_nested_turns_stand_behind_one_another() -> None:
    found = sets(net("repeat 2 { repeat 2 { mlp(gelu, 2x) } }"))
    assert found == ["mlp[0][0]", "mlp[0][1]", "mlp[1][0]", "mlp[1][1]"]


def test_the_second_step_of_one_word_is_numbered_wherever_it_stands() -> None:
    assert sets(net("mlp(gelu, 2x)\nrepeat 2 { mlp(gelu, 2x) }\nmlp(gelu, 2x)")) == [
        "mlp",
        "mlp_2[0]",
        "mlp_2[1]",
        "mlp_3",
    ]


def test_a_label_names_a_step_so_that_an_inserted_line_renames_nothing() -> None:
    assert sets(net("mlp(gelu, 2x)\nfinal: mlp(gelu, 2x)")) == ["mlp", "final"]


def test_a_number_that_a_label_has_taken_is_left_out() -> None:
    assert sets(net("mlp_2: mlp(gelu, 2x)\nmlp(gelu, 2x)\nmlp(gelu, 2x)")) == ["mlp_2", "mlp", "mlp_3"]


def test_a_number_that_a_declared_module_has_taken_is_left_out() -> None:
    assert sets(net("module mlp_2 = mlp(gelu, 2x)\nmlp(gelu, 2x)\nmlp(gelu, 2x)\nmlp_2")) == ["mlp_2", "mlp", "mlp_3"]


def test_every_name_of_weights_is_unique_in_a_net_of_everything() -> None:
    text = net(
        POOL + "module nodes_2 = mlp(gelu, 1x)\nnodes_2\nrepeat 2 { nodes_2; mlp(gelu, 1x)\n"
        f"route [mlp(gelu, 1x), nodes.block[0], mlp(relu, 1x)] by {{ {ROUTER} }}\n route nodes by {{ {ROUTER} }} }}"
    )
    made = graph(text)
    names = [x.name for x in (*made.shared, *made.modules, *made.routers)]
    sites = [n.site for n in made.nodes if isinstance(n, (Apply, Route))]
    assert len(set(names)) == len(names) and len(set(sites)) == len(sites)


def test_a_router_in_place_is_fresh_in_every_turn_and_named_after_its_site() -> None:
    assert routers(net(POOL + f"repeat 2 {{ hop: route nodes by {{ {ROUTER} }} }}")) == ["hop[0]", "hop[1]"]


def test_a_route_without_label_is_called_route() -> None:
    text = net(POOL + f"route nodes by {{ {ROUTER} }}\nroute nodes by {{ {ROUTER} }}")
    assert routers(text) == ["route", "route_2"]


def test_a_declared_router_is_one_set_for_all_turns() -> None:
    made = graph(net(POOL + f"router hub {{ {ROUTER} }}\nrepeat 3 {{ hop: route nodes by hub }}"))
    assert [r.name for r in made.routers] == ["hub"]
    routes = [n for n in made.nodes if isinstance(n, Route)]
    assert [(n.site, n.router, n.step) for n in routes] == [
        ("hop[0]", "hub", 0),
        ("hop[1]", "hub", 1),
        ("hop[2]", "hub", 2),
    ]


def test_a_router_declared_inside_a_repeat_is_fresh_in_every_turn() -> None:
    assert routers(net(POOL + f"repeat 2 {{ router hub {{ {ROUTER} }}\n hop: route nodes by hub }}")) == [
        "hub[0]",
        "hub[1]",
    ]


def test_a_pool_inside_a_repeat_is_fresh_in_every_turn() -> None:
    text = net(f"repeat 2 {{ pool ex {{ ffn[3] = mlp(gelu, 2x) }}\n moe: route ex by {{ {ROUTER} }} }}")
    made = graph(text)
    assert [(m.name, m.count) for m in made.modules] == [("ex[0].ffn", 3), ("ex[1].ffn", 3)]
    route = next(n for n in made.nodes if isinstance(n, Route) and n.site == "moe[1]")
    assert route.candidates == tuple(Member("ex[1].ffn", i) for i in range(3))


def test_a_flat_recipe_is_one_module_named_after_the_recipe() -> None:
    recipe = "dna 1\ndef module block(hidden = 2x) { attention(heads = 2); mlp(swiglu, hidden); mlp(gelu, hidden) }\n"
    text = net("block()\nrepeat 2 { block(hidden = 32) }").replace("dna 1\n", recipe)
    made = graph(text)
    assert [m.name for m in made.modules] == ["block", "block_2[0]", "block_2[1]"]
    assert [p.name for p in made.module["block"].parts] == ["attention", "mlp", "mlp_2"]
    assert made.module["block_2[0]"].parts[1].kind["hidden"] == 32


def test_a_recipe_with_routing_is_written_out_behind_the_name_of_its_step() -> None:
    recipe = (
        "dna 1\ndef module district(n) {\n  pool road { cheap[n] = mlp(gelu, 1x); skip = identity() }\n"
        f"  repeat 2 {{ toll: route road by {{ {ROUTER} }} }}\n}}\n"
    )
    made = graph(net("repeat 2 { d: district(n = 3) }").replace("dna 1\n", recipe))
    assert [m.name for m in made.modules if m.parts] == ["d[0].road.cheap", "d[1].road.cheap"]
    assert [r.name for r in made.routers] == ["d[0].toll[0]", "d[0].toll[1]", "d[1].toll[0]", "d[1].toll[1]"]


def test_a_flat_recipe_can_be_a_member() -> None:
    recipe = "dna 1\ndef module pair() { repeat 2 { mlp(gelu, 2x) } }\n"
    text = net(f"pool p {{ two[3] = pair(); skip = identity() }}\nroute p by {{ {ROUTER} }}")
    text = text.replace("dna 1\n", recipe)
    assert [p.name for p in graph(text).module["p.two"].parts] == ["mlp", "mlp_2"]


def test_members_under_a_shared_norm_have_none_of_their_own() -> None:
    text = net(
        "pool ex(norm = rms) { a[2] = mlp(gelu, 2x); its_own = mlp(gelu, 2x, norm = layer) }\n"
        f"repeat 2 {{ moe: route ex by {{ read = normed; {ROUTER} }} }}"
    )
    made = graph(text)
    assert made.module["ex.a"].parts[0].kind["norm"].name == "none"
    assert made.module["ex.its_own"].parts[0].kind["norm"].name == "layer"
    assert [s.name for s in made.shared if s.role == "norm"] == ["ex.norm"]
    norms = {n.id: n for n in made.nodes if isinstance(n, Norm)}
    for route in (n for n in made.nodes if isinstance(n, Route)):
        assert norms[route.view].x == route.x


def test_always_members_are_not_scored() -> None:
    text = net(
        f"pool ex {{ shared[2] = mlp(gelu, 2x); e[3] = mlp(gelu, 2x) }}\nroute ex by {{ always = shared; {ROUTER} }}"
    )
    made = graph(text)
    route = next(n for n in made.nodes if isinstance(n, Route))
    assert route.always == (Member("ex.shared", 0), Member("ex.shared", 1))
    assert route.candidates == tuple(Member("ex.e", i) for i in range(3))
    assert made.routers[0].size == 3


def test_a_route_over_a_list_takes_slices_members_and_kinds_in_place() -> None:
    text = net(
        POOL + f"route nodes by {{ {ROUTER} }}\n"
        f"mix: route [nodes.block[1:3], nodes.skip, nodes.block[0], mlp(relu, 1x), identity()] by {{ {ROUTER} }}"
    )
    route = [n for n in graph(text).nodes if isinstance(n, Route)][1]
    assert [str(c) for c in route.candidates] == [
        "nodes.block[1]", "nodes.block[2]", "nodes.skip", "nodes.block[0]", "mix.mlp", "mix.identity",
    ]  # fmt: skip
    assert route.skips == (2, 5)


def test_parallel_branches_read_one_value_and_are_summed() -> None:
    made = graph(net("parallel(norm = rms) { mlp(gelu, 1x); attention(heads = 2) }"))
    norm = next(n for n in made.nodes if isinstance(n, Norm))
    applied = [n for n in made.nodes if isinstance(n, Apply)]
    join = next(n for n in made.nodes if isinstance(n, Join))
    assert {n.x for n in applied} == {"h0"} and {n.view for n in applied} == {norm.id}
    assert join.x == "h0" and join.branches == tuple((n.id,) for n in applied)
    assert made.module["mlp"].parts[0].kind["norm"].name == "none"


def test_turns_can_be_reckoned_with() -> None:
    made = graph(net("repeat 3 as t { mlp(gelu, 8 * (t + 1)) }"))
    assert [m.parts[0].kind["hidden"] for m in made.modules] == [8, 16, 24]


def test_positions_of_the_embed_reach_every_attention_that_says_none() -> None:
    ends = TEXT.replace("learned", "rope(100k)")
    made = graph(net("attention(heads = 2)\nattention(heads = 2, positions = none)", ends))
    positions = [m.parts[0].kind["positions"] for m in made.modules]
    assert (positions[0].name, positions[0]["base"], positions[1].name) == ("rope", 100_000.0, "none")


def test_a_head_is_tied_by_a_flag_or_by_naming_the_embed() -> None:
    own = graph(net("mlp(gelu, 1x)"))
    flag = graph(net("mlp(gelu, 1x)", head="unembed(tied = true)"))
    named = graph(net("mlp(gelu, 1x)", TEXT.replace("embed tokens", "embed words = tokens"), "unembed(words)"))
    assert [g.nodes[-1].table for g in (own, flag, named)] == [None, "embed", "words"]
