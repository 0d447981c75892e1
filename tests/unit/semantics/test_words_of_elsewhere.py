"""Words that other languages and libraries use are answered by those of this one, and the answers hold."""

from __future__ import annotations

import re

import pytest

from checking import POOL, ROUTER, checked, codes, net
from dnac.kinds.planned import PLANNED
from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams
from dnac.semantics import words
from dnac.syntax.words import ITEMS, STATEMENTS
from dnac.text import elsewhere


def helps(text: str) -> list[str]:
    return [d.help for d in checked(text).bag]


@pytest.mark.parametrize(
    ("body", "code", "help_"),
    [
        ("for i in range(4) { mlp(gelu, 2x) }", "DNA112", "repeat 4 as t"),
        ("layernorm()\nmlp(gelu, 2x)", "DNA202", "norm = rms"),
        ("Linear(64)", "DNA202", "mlp(gelu, 4x)"),
        ("transformer(n_heads = 4)", "DNA301", "here it is written `heads = ...`"),
        ("merge(2)", "DNA202", "not built yet"),
        ("mlp gelu 2x", "DNA112", "`mlp(...)`"),
        ("mlp(gelu, 4 * width)", "DNA201", "`4x`"),
        ("mlp(4x)", "DNA303", "`gelu, 4x`"),
        ("attention(heads = 4, causal = True)", "DNA308", "`true`"),
        ("transformer(heads = 4, positions = rotary)", "DNA308", "here it is called `rope`"),
        (POOL + "route nodes by { choose = top(1), weight = raw, balance = [] }", "DNA120", "`;`"),
        (POOL + "route nodes by top(2)", "DNA522", "by { choose = top(2);"),
        (POOL + f"repeat 4 hop: route nodes by {{ {ROUTER} }}", "DNA118", "repeat 12 as t { ... }"),
        (POOL + f"route nodes by {{ {ROUTER} }}\nnodes", "DNA208", "module a"),
    ],
)
def test_a_word_from_elsewhere_is_answered(body: str, code: str, help_: str) -> None:
    text = net(body)
    assert codes(text)[0] == code
    assert help_ in helps(text)[0]


def test_a_field_named_as_elsewhere_is_not_missing_as_well() -> None:
    data = 'data = text("a"); valid = text("b")'
    text = net("mlp(gelu, 2x)") + f"train n {{ {data}; batch_size = 8; epochs = 3; learning_rate = 1e-3 }}\n"
    assert codes(text) == ["DNA301"] * 3
    assert [h.removeprefix("here it is written ") for h in helps(text)] == [
        "`batch = sequences(n)`", "`length = epochs(n)`", "`lr = ...`",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lr", "code"), [("cosine(1e-3, 100%)", "DNA314"), ("schedule(linear(1, 2%), cosine(0, 100%))", "DNA314")]
)
def test_a_piece_of_a_schedule_alone_gets_the_whole_one(lr: str, code: str) -> None:
    data = 'data = text("a"); valid = text("b"); batch = sequences(8); length = steps(3)'
    text = net("mlp(gelu, 2x)") + f"train n {{ {data}; lr = {lr} }}\n"
    assert codes(text) == [code] and "schedule(0, linear" in helps(text)[0]


def test_commas_between_settings_are_told_once_and_read_as_separators() -> None:
    text = net(POOL + "route nodes by { choose = top(9), weight = rav, balance = [] }")
    assert codes(text) == ["DNA120", "DNA308"]
    assert codes(net("mlp(gelu, 2x)") + "net m = n with { mlp.hidden = 3x, mlp.norm = rms }\n") == ["DNA120"]
    assert codes(net("pool p { a = mlp(gelu, 2x), b = identity() }\nroute p by { choose = all }")) == ["DNA120"]


def test_every_value_that_is_named_exists() -> None:
    known = {word for of in (*words.kind_catalogues(), "dataset") for word in words.names(of)}
    assert {meant for key in elsewhere._VALUES.values() for meant in key} - known <= {"network", "true", "false"}


def test_no_word_from_elsewhere_is_one_of_this_language() -> None:
    own = {*STATEMENTS, *ITEMS, *words.names("module"), *(w for of, w in PLANNED if of == "module")}
    assert not own & set(elsewhere.KINDS)
    assert not {*STATEMENTS, *ITEMS} & set(elsewhere.STATEMENTS)


def test_every_field_that_is_named_exists() -> None:
    kinds = [words.kind(of, word) for of in words.kind_catalogues() for word in words.names(of)]
    known = {field for kind in kinds for field in kind.Params.model_fields}
    known |= {*RouterParams.model_fields, *TrainParams.model_fields}
    assert {field for field, _ in elsewhere.ARGUMENTS.values()} <= known
    for field, written in elsewhere.ARGUMENTS.values():
        assert re.match(rf"`{field} = ", written), written
