from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dnac.cli.select import choose_net, split_target
from dnac.cli.usage import WrongUse
from dnac.text.source import Source


@dataclass
class FakeNet:
    name: str


@dataclass
class FakeFile:
    source: Source
    nets: tuple[FakeNet, ...]


def file(*names: str) -> Any:
    return FakeFile(Source("x.dna", ""), tuple(FakeNet(n) for n in names))


@pytest.mark.parametrize(
    ("target", "path", "net"),
    [
        ("x.dna", "x.dna", None),
        ("x.dna:small", "x.dna", "small"),
        ("a:b/x.dna", "a:b/x.dna", None),
        ("a:b/x.dna:n_2", "a:b/x.dna", "n_2"),
        ("x.dna:", "x.dna:", None),
        ("x.dna:not-a-name", "x.dna:not-a-name", None),
    ],
)
def test_a_target_is_a_file_and_maybe_a_net(target: str, path: str, net: str | None):
    assert split_target(target) == (Path(path), net)


def test_a_file_whose_own_name_holds_the_colon_wins(tmp_path: Path):
    odd = tmp_path / "x.dna:small"
    odd.write_text("")
    assert split_target(str(odd)) == (odd, None)


def test_the_only_net_needs_no_name():
    assert choose_net(file("a"), None).name == "a"
    assert choose_net(file("a", "b"), "b").name == "b"


@pytest.mark.parametrize(
    ("names", "net", "message", "help"),
    [
        (("a", "b"), None, "x.dna declares 2 nets: a, b", "name one: x.dna:a"),
        ((), None, "x.dna declares no net", ""),
        (("small", "big"), "smal", "x.dna has no net `smal`", "did you mean x.dna:small?"),
    ],
)
def test_an_unclear_choice_is_wrong_use(names: tuple[str, ...], net: str | None, message: str, help: str):
    with pytest.raises(WrongUse) as wrong:
        choose_net(file(*names), net)
    assert (wrong.value.message, wrong.value.help) == (message, help)
