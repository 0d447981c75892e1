"""`use`: what may be read, and under which name it is known."""

import os
from pathlib import Path

import pytest

from checking import POOL, codes, good, graph, messages, net

LIB = """dna 1
param hidden = 24
def module block(h = hidden) { mlp(gelu, h) }
def router pick(k) { choose = top(k); weight = raw; balance = [] }
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "lib.dna").write_text(LIB)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.dna").write_text('dna 1\nuse "near.dna"\ndef module wide() { near.block() }\n')
    (tmp_path / "sub" / "near.dna").write_text("dna 1\ndef module block() { mlp(gelu, 8x) }\n")
    return tmp_path / "x.dna"


def use(line: str, body: str) -> str:
    return f"dna 1\n{line}\n" + net(body)[6:]


def test_recipes_and_params_of_a_used_file_are_behind_its_name(main: Path) -> None:
    text = use('use "lib.dna" as l', POOL + "l.block()\nl.block(l.hidden / 2)\nhop: route nodes by l.pick(2)")
    made = graph(text, path=main)
    assert [made.module[n].parts[0].kind["hidden"] for n in ("block", "block_2")] == [24, 12]


def test_without_as_a_file_is_known_by_its_own_name_and_std_as_std(main: Path) -> None:
    assert good(use('use "lib.dna"', "lib.block()"), path=main)
    text = use(
        'use "std/routers.dna"', POOL + "hop: route nodes by std.dna_eq1(k = 1, balance = skip_target(skip, 25%))"
    )
    assert good(text, path=main)


def test_paths_are_relative_to_the_file_that_uses_them(main: Path) -> None:
    assert graph(use('use "sub/more.dna"', "more.wide()"), path=main).modules[0].parts[0].kind["hidden"] == 128


def test_a_net_of_a_used_file_can_be_derived_and_brings_its_train_block(main: Path) -> None:
    data = 'data = stdlib_text(split = "train"); valid = stdlib_text(split = "valid")'
    base = net("mlp(gelu, 1x)") + f"train n {{ {data}; batch = sequences(8); length = steps(100); lr = 1e-3 }}\n"
    (main.parent / "base.dna").write_text(base)
    made = good('dna 1\nuse "base.dna"\nnet mine = base.n with { mlp.hidden = 8; train.lr = 1e-4 }\n', path=main)
    assert made.graph.modules[0].parts[0].kind["hidden"] == 8
    assert made.train is not None and made.train["lr"] == 1e-4


def test_a_fault_in_a_used_file_is_told_at_its_own_place(main: Path) -> None:
    (main.parent / "lib.dna").write_text("dna 1\ndef module block() { mlpp(gelu, 2x) }\n")
    assert messages(use('use "lib.dna"', "lib.block()"), path=main) == ["DNA202 2:22 unknown module kind `mlpp`"]


def test_what_a_used_file_declares_need_not_be_used(main: Path) -> None:
    assert codes(use('use "lib.dna"', "lib.block()"), path=main) == []


def test_a_file_that_is_used_and_never_named_is_a_fault(main: Path) -> None:
    assert codes(use('use "lib.dna"', "mlp(gelu, 1x)"), path=main) == ["DNA206"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("../lib.dna", "DNA211"), ("sub/../lib.dna", "DNA211"), ("/etc/passwd", "DNA211"), ("C:\\\\lib.dna", "DNA211"),
     ("~/lib.dna", "DNA211"), ("", "DNA211"), ("lbi.dna", "DNA210"), ("sub", "DNA210"), ("std/nothing.dna", "DNA210"),
     ("std/../../x.dna", "DNA211"), ("link.dna", "DNA211"), ("folder/secret.dna", "DNA211"), ("latin.dna", "DNA214")],
)  # fmt: skip
def test_a_file_outside_the_project_is_never_read(main: Path, path: str, code: str, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.dna").write_text(LIB)
    (main.parent / "link.dna").symlink_to(outside / "secret.dna")
    (main.parent / "folder").symlink_to(outside)
    (main.parent / "latin.dna").write_bytes(b"dna 1\n# \xe9\n")
    assert codes(use(f'use "{path}" as l', "l.block()"), path=main) == [code]


def test_a_device_or_pipe_is_not_read(main: Path) -> None:
    os.mkfifo(main.parent / "pipe.dna")
    assert codes(use('use "pipe.dna" as l', "l.block()"), path=main) == ["DNA210"]


def test_two_files_may_use_the_same_third_one(main: Path) -> None:
    for name in ("a", "b"):
        (main.parent / f"{name}.dna").write_text(f'dna 1\nuse "lib.dna"\ndef module {name}_block() {{ lib.block() }}\n')
    text = use('use "a.dna" as first\nuse "b.dna" as second', "first.a_block()\nsecond.b_block()")
    assert [m.name for m in graph(text, path=main).modules] == ["a_block", "b_block"]


def test_a_ring_is_refused(main: Path) -> None:
    (main.parent / "a.dna").write_text('dna 1\nuse "b.dna" as b\ndef module m() { b.m() }\n')
    (main.parent / "b.dna").write_text('dna 1\nuse "a.dna" as a\ndef module m() { a.m() }\n')
    assert codes(use('use "a.dna" as a', "a.m()"), path=main) == ["DNA212"]
    (main.parent / "me.dna").write_text('dna 1\nuse "me.dna" as me\n')
    assert codes((main.parent / "me.dna").read_text(), path=main.parent / "me.dna") == ["DNA212"]


def test_the_number_of_files_is_limited(main: Path) -> None:
    for i in range(80):
        (main.parent / f"f{i}.dna").write_text(LIB)
    uses = "\n".join(f'use "f{i}.dna"' for i in range(80))
    body = "\n".join(f"f{i}.block()" for i in range(80))
    assert set(codes(use(uses, body), path=main)) == {"DNA213"}
