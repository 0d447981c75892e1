"""Any text at all gives nets or diagnostics with code and place: raw, damaged and generated; never a traceback."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from dnac.driver import check
from dnac.syntax import ast
from dnac.syntax.formatter import format_file
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag, Faults
from dnac.text.explain import codes
from dnac.text.files import source_of
from dnac.text.render import as_json, render_all
from dnac.text.source import Source
from specs_generator import spec
from strategies import mutated, spec_text

ROOT = Path(__file__).parents[2]
SHIPPED = [
    path.read_text(encoding="utf-8")
    for folder in ("specs", "examples", "dnac/std", "dnac/std/new")
    for path in sorted((ROOT / folder).glob("*.dna"))
]
EACH, EACH_SLOW = 100, 1_000
"""Inputs of a test: with ten tests of each of four sorts, 4,000 of every change and 40,000 of the slow suite."""
CODES = frozenset(codes())
WORDS = sorted({word for text in SHIPPED for word in text.replace("(", " ( ").replace(")", " ) ").split()})


def raw(seed: int) -> bytes:
    """Bytes, characters or words without any order."""
    random = Random(seed)
    length = random.choice((5, 50, 500))
    match seed % 3:
        case 0:
            return random.randbytes(length)
        case 1:
            alphabet = "ab1.% {}()[];\n\t=,:\"'#+-*/<>&\\\u00e9\u202e\u2603\x00\x1b"
            return "".join(random.choice(("dna 1\n", *alphabet)) for _ in range(length)).encode()
        case _:
            return ("dna 1\n" + " ".join(random.choice(WORDS) for _ in range(length // 5))).encode()


def damaged(seed: int) -> bytes:
    """A shipped or a generated spec with injuries: of characters, of bytes, of lines, of words."""
    random = Random(seed)
    text = random.choice(SHIPPED) if seed % 2 else spec(seed % 500)
    match seed % 4:
        case 0:
            return mutated(text, seed).encode("utf-8", "surrogatepass")
        case 1:
            found = bytearray(text.encode())
            for _ in range(random.randint(1, 8)):
                found[random.randrange(len(found))] = random.randrange(256)
            return bytes(found)
        case 2:
            lines = text.split("\n")
            for _ in range(random.randint(1, 4)):
                lines.insert(random.randrange(len(lines)), lines.pop(random.randrange(len(lines))))
            return "\n".join(lines).encode()
        case _:
            words = text.split(" ")
            for _ in range(random.randint(1, 5)):
                words[random.randrange(len(words))] = random.choice(WORDS)
            return " ".join(words).encode()


def generated(seed: int) -> bytes:
    """A text that is valid in form, or one that is valid in meaning too."""
    return (spec_text(seed) if seed % 2 else spec(seed)).encode()


VALUES = (
    "0", "-1", "0.5", "1", "2", "3", "1e-9", "1e9", "30%", "100%", "0%", "2x", "0.5x", "1k", "1Ki", "1T", "1e17",
    "[1,2]", "[]", "top(1)", "steps(10)", "epochs(0.5)", "tokens(7)", "all", "fixed(0)", "fixed(1)", "identity()",
    "aux(0.01)", "load_bias(1e-3)", "constant([1,2,3])", "constant()", "random", "rope(10k)", "none", "true",
    "mlp(gelu,2x)", "schedule(0,linear(1,50%))", "schedule(1,linear(0,steps(5)),hold(0,100%))", "skip_target(skip,10%)",
)  # fmt: skip
_VALUE = re.compile(r"(?<![\w.])\d[\w.%-]*|(?<![\w.])[a-z_]\w*")


def revalued(seed: int) -> bytes:
    """A valid spec in which some numbers and words are others."""
    random = Random(seed)
    text = random.choice(SHIPPED) if seed % 2 else spec(seed % 3_000)
    for _ in range(random.randint(1, 2)):
        place = random.choice(list(_VALUE.finditer(text)))
        text = text[: place.start()] + random.choice(VALUES) + text[place.end() :]
    return text.encode()


def has_net(source: Source) -> bool:
    tree = parse(source, Bag())
    return tree is not None and any(isinstance(item, (ast.Net, ast.Derive)) for item in tree.items)


def require_an_answer(content: bytes) -> Bag:
    """Read and check as the command does, and hold what it says to its form."""
    bag = Bag()
    try:
        source = source_of("x.dna", content)
    except Faults as faults:
        bag = faults.bag
    else:
        checked = check(source)
        bag = checked.bag
        assert bag.has_errors or checked.nets or not has_net(source)
    for diagnostic in bag:
        assert diagnostic.code in CODES and diagnostic.message and diagnostic.help, diagnostic
        span = diagnostic.span
        assert span is None or 0 <= span.start <= span.end <= len(span.source.text), diagnostic
        assert span is not None or diagnostic.code < "DNA005", diagnostic
        as_json(diagnostic)
    assert render_all(bag, colour=True) or not bag.items
    return bag


SORTS = {"raw": raw, "damaged": damaged, "generated": generated, "revalued": revalued}


@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("sort", SORTS)
def test_any_text_is_answered(sort: str, block: int) -> None:
    for seed in range(block * EACH, (block + 1) * EACH):
        require_an_answer(SORTS[sort](seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(100, 110))
@pytest.mark.parametrize("sort", SORTS)
def test_any_text_is_answered_and_more_of_it(sort: str, block: int) -> None:
    for seed in range(block * EACH_SLOW, (block + 1) * EACH_SLOW):
        require_an_answer(SORTS[sort](seed))


FOUND = {
    "a head before the embed": b"dna 1\nnet n {\nhead lm = unembed()\ninput text(context = 8, vocabulary = 11)\n"
    b"embed tokens(8, positions = none)\nmlp(gelu, 2x)\n}\n",
    "a value for a step": b"dna 1\nnet n {\n 1.25, parallel { mlp(gelu, 4x) }\n}\n",
    "a part of an epoch": b"dna 1\nnet n {\ninput text(context = 8, vocabulary = 11)\n"
    b"embed tokens(8, positions = none)\n"
    b'mlp(gelu, 2x)\nhead lm = unembed()\n}\ntrain n { data = text("a"); valid = text("b")\n'
    b"batch = sequences(2); length = epochs(0.5); lr = schedule(0, linear(1, 5%)); sed = 1 }\n",
    "a path without end": b'dna 1\nuse "' + b"a/" * 5_000 + b'x.dna"\n',
    "a name of a file that is too long": b'dna 1\nuse "' + b"a" * 300 + b'.dna"\n',
}
"""Inputs that once gave a traceback, or a diagnostic without help."""


@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_once_is_answered(case: str) -> None:
    assert require_an_answer(FOUND[case]).has_errors


def test_every_generated_spec_is_accepted_and_keeps_its_meaning_when_formatted() -> None:
    for seed in range(150):
        text = spec(seed)
        assert not require_an_answer(text.encode()).has_errors, seed
        tree = parse(Source("x.dna", text), Bag())
        assert tree is not None
        formatted = format_file(tree)
        assert parse(Source("x.dna", formatted), Bag()) == tree
        again, first = check(Source("x.dna", formatted)), check(Source("x.dna", text))
        assert [n.graph for n in again.nets] == [n.graph for n in first.nets], seed
