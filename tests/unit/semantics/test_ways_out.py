"""Mistakes of a first spec: each message names what to write instead, and no second one follows from the first."""

from __future__ import annotations

import pytest

from checking import IMAGE, POOL, ROUTER, checked, net

ROUTE = f"  hop: route nodes by {{ {ROUTER} }}"
TRAIN = """train n {
  data = stdlib_text(split = train, limit = 9k); valid = stdlib_text(split = valid)
  batch = sequences(4); length = steps(9); lr = 1
}
"""

CASES = [
    # what is written, in what stands otherwise, the one code, and what its help says
    ("limit = capacity(150%)", "balance = []", "DNA304", "write `1.5`"),
    ("far = 3 * mlp(gelu, 2x)", "far = mlp(gelu, 4x)", "DNA122", "`far[3] = ...`"),
    ("route nodes.[far, rest]", "route nodes by", "DNA116", "`[nodes.first, nodes.second]`"),
    ("route [far, nodes.rest]", "route nodes by", "DNA202", "`nodes.far`"),
    ("scope = image", "balance = []", "DNA308", "`sequence`"),
    ("limit = 9KB", "limit = 9k", "DNA107", "did you mean `k`?"),
    ("split = 'train'", "split = train", "DNA105", '`"train"`'),
    ("assert causal = true", "assert causal", "DNA125", "`assert causal` for a fact"),
    ("hop = route", "hop: route", "DNA113", "`hop: route ...`"),
    ("a = mlp(gelu, 2x)", "mlp(gelu, 2x)", "DNA113", "`a: mlp(...)`"),
    ("h = h + mlp(gelu, 2x)", "mlp(gelu, 2x)", "DNA113", "adds to the stream by itself"),
    ("positions = rope(theta = 9)", "positions = rope(base = 9)", "DNA301", "`base = ...`"),
    ("data = mnist()", "data = stdlib_text(split = train, limit = 9k)", "DNA308", "`idx`"),
    ("mlp(4x)", "mlp(gelu, 2x)", "DNA303", "did you mean `gelu, 4x`?"),
    ("init nodes.far = other", "init nodes.far = run(\"x\")", "DNA122", '`run("runs/first")`'),
    ("init nodes.far = run(\"x\", of = mine)", "init nodes.far = run(\"x\")", "DNA303", '`"mine"`'),
]  # fmt: skip
FILE = net(
    f"""  pool nodes {{ far = mlp(gelu, 4x); rest = identity() }}
  init nodes.far = run("x")
{ROUTE}
  mlp(gelu, 2x)
  assert causal"""
).replace("positions = learned", "positions = rope(base = 9)")


@pytest.mark.parametrize(("written", "instead_of", "code", "help_"), CASES)
def test_a_mistake_is_told_once_with_what_to_write(written: str, instead_of: str, code: str, help_: str) -> None:
    text = FILE + TRAIN
    assert instead_of in text
    if instead_of == "route nodes by":
        written = f"{written} by"
    written = f"balance = []; {written}" if instead_of == "balance = []" else written
    found = [d for d in checked(text.replace(instead_of, written, 1)).bag if d.code not in ("DNA754", "DNA755")]
    assert [d.code for d in found] == [code]
    assert help_ in found[0].help


def test_two_numbers_in_brackets_are_shown_as_they_are_written() -> None:
    text = net("  mlp(gelu, 2x)", IMAGE.replace("[8, 8]", "8"), "classify(pool = mean)")
    assert "did you mean `[8, 8]`?" in next(iter(checked(text).bag)).help


def test_a_member_with_a_fault_is_not_also_said_to_have_no_weights() -> None:
    text = FILE.replace("far = mlp(gelu, 4x)", "far = mlp(gelu, 4x, reads = h)")
    assert [d.code for d in checked(text).bag] == ["DNA901"]


def test_heads_are_held_against_the_width_that_the_attention_was_given() -> None:
    """The stream's width is shown only where it is the one that does not fit."""
    (own,) = checked(net("  attention(heads = 2, width = 15)")).bag
    (stream,) = checked(net("  attention(heads = 3)")).bag
    assert (own.labels, len(stream.labels)) == ((), 1)


def test_members_of_two_pools_are_named_behind_the_one_that_has_them() -> None:
    text = net(
        f"{POOL}  pool more {{ big = mlp(gelu, 4x); small = mlp(gelu, 1x) }}\n"
        f"  route [big, nodes.skip] by {{ {ROUTER} }}"
    )
    assert any("`more.big`" in d.help for d in checked(text).bag)


def test_a_label_that_is_taken_is_not_also_said_to_route_over_other_candidates() -> None:
    text = net(
        f"{POOL}  hop: route [nodes.block] by {{ {ROUTER} }}\n  hop: route [nodes.skip, nodes.block] by {{ {ROUTER} }}"
    )
    assert [d.code for d in checked(text).bag] == ["DNA203"]


def test_a_sum_of_chances_at_evaluation_alone_is_refused_for_what_it_is() -> None:
    halt = "halt by { choose = accumulate(0.9); weight = halting; when = eval; balance = [ponder(0.1)] }"
    (fault,) = checked(net(f"  repeat 2 {{ mlp(gelu, 2x); {halt} }}")).bag
    assert fault.message == "`when = eval` does not go with `choose = accumulate`" and "leave `when` out" in fault.help
