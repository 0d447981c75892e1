"""A spec is refused by its size before anything is expanded or allocated."""

import time

import pytest

from checking import POOL, ROUTER, TEXT, checked, codes, net

DOUBLING = "".join(f"def module a{i}() {{ a{i - 1}(); a{i - 1}() }}\n" for i in range(1, 60))

ROUTED = "def module a0() { pool p { b[2] = mlp(gelu, 1x) }\nroute p by { " + ROUTER + " } }\n"
LONG = "def module d() { repeat 9999 { mlp(gelu, 1x) } }\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (net("repeat 1000 { repeat 1000 { repeat 1000 { mlp(gelu, 1x) } } }"), "DNA317"),
        (net("repeat 1G { mlp(gelu, 1x) }"), "DNA316"),
        (net("pool p { a[1G] = mlp(gelu, 1x) }\nroute p by { " + ROUTER + " }"), "DNA316"),
        (net("mlp(gelu, 1000000T)"), "DNA317"),
        (net("mlp(gelu, 1x)", TEXT.replace("16)", "1000000T)")), "DNA317"),
        (net("pool p { a[64Ki] = mlp(gelu, 1x) }\nrepeat 9999 { route p by { " + ROUTER + " } }"), "DNA317"),
        (net("a59()").replace("dna 1\n", "dna 1\ndef module a0() { mlp(gelu, 1x) }\n" + DOUBLING), "DNA317"),
        (net("a59()").replace("dna 1\n", "dna 1\n" + ROUTED + DOUBLING), "DNA317"),
        (net("repeat 9 { d() }").replace("dna 1\n", "dna 1\n" + LONG), "DNA317"),
    ],
)
def test_a_spec_that_would_grow_without_end_is_refused_soon(text: str, code: str) -> None:
    start = time.perf_counter()
    assert code in codes(text)
    assert time.perf_counter() - start < 10


def test_a_recipe_cannot_use_itself() -> None:
    assert codes(net("a()").replace("dna 1\n", "dna 1\ndef module a() { mlp(gelu, 1x); a() }\n")) == ["DNA207"]
    mutual = "dna 1\ndef module a() { b() }\ndef module b() { a() }\n"
    assert set(codes(net("a()\nb()").replace("dna 1\n", mutual))) == {"DNA207"}


def test_a_net_cannot_be_derived_from_itself() -> None:
    assert codes("dna 1\nnet a = b with { }\nnet b = a with { }\n") == ["DNA207"]


def test_ten_thousand_steps_are_checked() -> None:
    assert len(checked(net(POOL + "route nodes by { " + ROUTER + " }\nrepeat 3000 { mlp(gelu, 1x) }")).nets) == 1
