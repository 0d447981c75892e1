"""Whatever a text says, checking gives diagnostics or nets, never a traceback."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checking import checked

ROOT = Path(__file__).parents[3]
FOLDERS = ("specs", "examples", "tests/golden/parse")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.dna"))
SAMPLES = [p.read_text(encoding="utf-8") for p in FILES]
PIECES = (
    "0", "-1", "4x", "30%", "1T", "[h]", "none", "true", "top(1)", "{", "}", "(", ")", "repeat 2 {", "route nodes by",
    "nodes", "skip", "identity()", "h", "schedule(0, linear(1, 2%))", '"x"', ", ", " = ", "\n", "a.b[1:2]",
    "def module q() {", "net z {", "use", "assert", "with", "train", "[", "]", "1 / 0", "t", "norm", "gelu", "& 3",
)  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_specs_and_sketches_are_checked_to_the_end(path: Path) -> None:
    checked(path.read_text(encoding="utf-8"), path=path)


@given(seed=st.integers(0, 10**9))
def test_a_damaged_spec_gives_diagnostics_or_nets(seed: int) -> None:
    draw = random.Random(seed)
    text = draw.choice(SAMPLES)
    for _ in range(draw.randint(1, 4)):
        words = text.split(" ")
        at = draw.randrange(len(words))
        match draw.randrange(3):
            case 0:
                words[at] = draw.choice(PIECES)
            case 1:
                del words[at]
            case _:
                words.insert(at, draw.choice(words))
        text = " ".join(words)
    result = checked(text)
    assert result.bag.has_errors or result.nets or "net" not in text
    for diagnostic in result.bag:
        assert diagnostic.message and (diagnostic.help or diagnostic.code.startswith("DNA1"))
