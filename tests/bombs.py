"""Texts that ask for far too much: each must be refused soon and in little memory.

Run as a program with a folder, it writes every bomb there, checks it as `dnac check` does, and prints a line
of JSON for each: its codes and the seconds of processor time; last the largest memory that was needed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

ENDS = "  input text(context = 8, vocabulary = 16)\n  embed tokens(16, positions = learned)\n"
ROUTER = "{ choose = top(1); weight = raw; balance = [] }"
TRAIN = "train n { data = stdlib_text(split = train); valid = stdlib_text(split = valid); "
MANY = 100_000


def net(body: str, before: str = "", ends: str = ENDS) -> str:
    """A whole file around some statements."""
    return f"dna 1\n{before}net n {{\n{ends}{body}\n  head lm = unembed()\n}}\n"


def recipes(first: str, each: str, last: int) -> str:
    """`a0` and then `a1` ... each made of the one before it."""
    later = "".join(f"def module a{i}() {{ {each.replace('@', f'a{i - 1}()')} }}\n" for i in range(1, last))
    return f"def module a0() {{ {first} }}\n{later}"


def nested(opening: str, closing: str, around: Callable[[str], str] = net, inner: str = "") -> dict[str, str]:
    """One form of nesting at four depths."""
    return {f"{n}": around(opening * n + inner + closing * n) for n in (100, 1_000, 10_000, MANY)}


FORMS: dict[str, dict[str, str]] = {
    "parentheses": nested("(", ")", lambda x: net(f"mlp(gelu, {x})"), "8"),
    "lists": nested("[", "]", lambda x: net(f"mlp(gelu, {x})"), "8"),
    "calls": nested("mlp(", ")"),
    "indices": nested("a[", "]", inner="0"),
    "repeats": nested("repeat 1 { ", " }", inner="mlp(gelu, 8)"),
    "parallels": nested("parallel { ", " }", inner="mlp(gelu, 8)"),
    "routes": nested("route [a] by { x = ", " }"),
    "minus": nested("-", "", lambda x: f"dna 1\nparam a = {x}1\n"),
    "sums": nested("1 + ", "", lambda x: f"dna 1\nparam a = {x}1\n"),
    "products": nested("2 * ", "", lambda x: f"dna 1\nparam a = {x}1\n"),
    "arguments": nested("f(a = ", ")", lambda x: f"dna 1\nparam a = {x}\n", "1"),
    "braces": nested("{", "}", lambda x: f"dna 1\nnet n {x}\n"),
    "fields": nested("a.", "", inner="b"),
    "unclosed": nested("repeat 2 { (", ""),
}
"""Forms of nesting, each at 10^2 to 10^5."""

BOMBS: dict[str, str] = {
    "repeat 2^100": net("repeat 1267650600228229401496703205376 { mlp(gelu, 1x) }"),
    "repeat 2^59": net("repeat 576460752303423488 { mlp(gelu, 1x) }"),
    "repeat 1T": net("repeat 1T { mlp(gelu, 1x) }"),
    "repeat by a param": net("repeat a { mlp(gelu, 1x) }", "param a = 1T\n"),
    "repeat by a product": net("repeat a * a * a { mlp(gelu, 1x) }", "param a = 1M\n"),
    "loops of loops": net("repeat 10000 { repeat 10000 { repeat 10000 { mlp(gelu, 1x) } } }"),
    "loops in parallel": net("parallel { repeat 9000 { mlp(gelu, 1x) }\n repeat 9000 { mlp(gelu, 1x) } }"),
    "loops one after another": net("repeat 9000 { mlp(gelu, 1x) }\n" * 200),
    "loops of recipes": net("repeat 9999 { d() }", "def module d() { repeat 9999 { mlp(gelu, 1x) } }\n"),
    "loop of nothing": net("repeat 1T { }"),
    "loop of declarations": net("repeat 9999 { module m = mlp(gelu, 1x); module o = mlp(gelu, 1x); m; o }"),
    "recipes that double": net("a59()", recipes("mlp(gelu, 1x)", "@; @", 60)),
    "recipes that repeat": net("a9()", recipes("mlp(gelu, 1x)", "repeat 9999 { @ }", 10)),
    "recipes that double pools": net(
        "a59()", recipes(f"pool p {{ b[2] = mlp(gelu, 1x) }}\n route p by {ROUTER}", "@; @", 60)
    ),
    "module of doubled recipes": net("module m = a59()\n m", recipes("mlp(gelu, 1x)", "@; @", 60)),
    "recipe of itself": net("a()", "def module a() { a(); a() }\n"),
    "recipes of one another": net("a()", "def module a() { b() }\ndef module b() { a() }\n"),
    "number of 10^6 digits": net(f"mlp(gelu, {'9' * 1_000_000})"),
    "number of 10^5 digits": net(f"mlp(gelu, {'9' * MANY})"),
    "fraction of 10^5 digits": net(f"mlp(gelu, 0.{'9' * MANY})"),
    "exponent of 10^5 digits": net(f"mlp(gelu, 1e{'9' * MANY})"),
    "exponent beyond floats": net("mlp(gelu, 1e9999999)"),
    "power tower": net("mlp(gelu, a * a * a * a * a * a * a * a * a * a)", "param a = 1T\n"),
    "params that square": net("mlp(gelu, p99)", "param p0 = 10\n" + "".join(
        f"param p{i} = p{i - 1} * p{i - 1}\n" for i in range(1, 100))),
    "width 10^9": net("mlp(gelu, 4x)", ends=ENDS.replace("(16,", "(1G,")),
    "width 10^18": net("mlp(gelu, 4x)", ends=ENDS.replace("(16,", "(1000000T,")),
    "hidden 10^18": net("mlp(gelu, 1000000T)"),
    "hidden 10^12 x": net("mlp(gelu, 1000000000000x)"),
    "vocabulary 10^18": net("mlp(gelu, 1x)", ends=ENDS.replace("vocabulary = 16", "vocabulary = 1000000T")),
    "context 10^18": net("mlp(gelu, 1x)", ends=ENDS.replace("context = 8", "context = 1000000T")),
    "image of 10^9 pixels a side": net(
        "mlp(gelu, 1x)", ends="  input image([1G, 1G], channels = 1, classes = 2)\n"
        "  embed patches(16, size = 1, positions = learned)\n").replace("unembed()", "classify(pool = mean)"),
    "10^6 experts": net(f"pool p {{ a[1M] = mlp(gelu, 1x) }}\n route p by {ROUTER}"),
    "10^12 experts": net(f"pool p {{ a[1T] = mlp(gelu, 1x) }}\n route p by {ROUTER}"),
    "10^6 experts in repeats": net(
        f"repeat 100 {{ repeat 99 {{ pool p {{ a[1M] = mlp(gelu, 1x) }}\n route p by {ROUTER} }} }}"),
    "65536 experts in repeats": net(
        f"repeat 100 {{ pool p {{ a[64Ki] = mlp(gelu, 1x) }}\n repeat 99 {{ route p by {ROUTER} }} }}"),
    "many groups of 65536": net(
        "pool p { " + "; ".join(f"a{i}[64Ki] = mlp(gelu, 1x)" for i in range(60)) + f" }}\n route p by {ROUTER}"),
    "slices of many experts": net(
        f"pool p {{ a[64Ki] = mlp(gelu, 1x) }}\n route [{', '.join(['p.a'] * 60)}] by {ROUTER}"),
    "expert of 10^6 parts": net(
        f"pool p {{ a[2] = f() }}\n route p by {ROUTER}",
        "def module f() { repeat 9999 { mlp(gelu, 1x) } }\n"),
    "router of 10^18": net(
        "pool p { a[4] = mlp(gelu, 1x) }\n"
        " route p by { score = mlp(1000000T); choose = top(1); weight = raw; balance = [] }"),
    "top of 10^18": net(
        "pool p { a[4] = mlp(gelu, 1x) }\n route p by { choose = top(1000000T); weight = raw; balance = [] }"),
    "name of 10 MB": net("a" * 10_000_000),
    "name of 500 kB": net("a" * 500_000),
    "number and name of 500 kB": net("9" + "a" * 500_000),
    "text of 500 kB that is no file": f'dna 1\nuse "{"a/" * 250_000}.dna" as a\n',
    "path of 500 kB": f"dna 1\nnet a = b with {{ {'a.' * 250_000}b = 1 }}\n",
    "open text": 'dna 1\nparam a = "' + "\\a" * 250_000,
    "open comments": "dna 1\n" + "/*" * 250_000,
    "stars": "dna 1\n" + "/" + "*" * 500_000,
    "dots": "dna 1\nparam a = " + "1." * 250_000,
    "exponents": "dna 1\nparam a = " + "1e+" * 160_000,
    "quotes": "dna 1\n" + "'" * 500_000,
    "curly quotes": "dna 1\n" + "\u201c" * 150_000,
    "strange signs": "dna 1\n" + "\u2603" * 300_000,
    "hidden characters": "dna 1\n" + "\u202e" * 100_000,
    "operators": "dna 1\nparam a = " + "<=" * 250_000,
    "separators and words": "dna 1\n" + "a;" * 250_000,
    "commas": "dna 1\nparam a = [" + "," * 500_000,
    "closing brackets": "dna 1\n" + ")" * 500_000,
    "crossed brackets": "dna 1\n" + "([)]" * 120_000,
    "params without end": "dna 1\n" + "".join(f"param p{i} = {i}\n" for i in range(40_000)),
    "nets without end": "dna 1\n" + "net n { }\n" * 40_000,
    "statements without end": net("x\n" * 200_000),
    "labels without end": net("a: a: a: " * 100_000),
    "derivations in a ring": "dna 1\nnet a = b with { }\nnet b = a with { }\n",
    "derivations in a chain": "dna 1\n" + "".join(f"net a{i} = a{i + 1} with {{ }}\n" for i in range(5_000)),
    "recipes in a chain": net("a4999()", recipes("mlp(gelu, 1x)", "@; x", 5_000)),
    "settings without end": net("mlp(gelu, 1x)")
    + "net m = n with {\n" + "".join(f"a{i}.b = 1\n" for i in range(20_000)) + "}\n",
    "schedule without end": net("mlp(gelu, 1x)") + TRAIN
    + "batch = sequences(1); length = steps(9); lr = schedule(0" + ", linear(1, 1%)" * 20_000 + ") }\n",
    "list without end": net("mlp(gelu, 1x)", f"param a = [{'1, ' * 150_000}1]\n"),
    "train for ever": net("mlp(gelu, 1x)") + TRAIN + "batch = sequences(10e30); length = steps(10e30); lr = 1 }\n",
    "bad lines": "dna 1\n" + "%$\n" * 150_000,
    "one huge line of words": net("mlp " * 120_000),
    "file of 10 MB": net("mlp(gelu, 1x)\n" * 800_000),
}  # fmt: skip
"""What is asked for, and the text that asks."""


def write(folder: Path) -> dict[str, Path]:
    """All bombs as files, each known by its name."""
    texts = {**BOMBS, **{f"{form} {n}": text for form, made in FORMS.items() for n, text in made.items()}}
    files = {name: folder / f"b{i}.dna" for i, name in enumerate(texts)}
    for name, path in files.items():
        path.write_text(texts[name], encoding="utf-8")
    return files | includes(folder / "uses")


def includes(folder: Path) -> dict[str, Path]:
    """Bombs of several files."""
    folder.mkdir()

    def file(name: str, text: str) -> Path:
        path = folder / f"{name}.dna"
        path.write_text(text, encoding="utf-8")
        return path

    def uses(*names: str) -> str:
        return "dna 1\n" + "".join(f'use "{name}.dna"\n' for name in names)

    for i in range(300):
        file(f"c{i}", uses(f"c{i + 1}"))
        file(f"w{i}", "dna 1\n")
    for i in range(9):
        file(f"f{i}", uses(*(f"f{i + 1}_{j}" for j in range(10))))
        for j in range(10):
            file(f"f{i + 1}_{j}", uses(*(f"f{i + 2}_{n}" for n in range(10))))
    for i in range(60):
        file(f"h{i}", "dna 1\n" + "# a comment of some length\n" * 38_000)
        file(f"p{i}", "dna 1\n" + "".join(f"param p{n} = 1\n" for n in range(15_000)))
    return {
        "chain of 300 files": file("chain", uses("c0")),
        "300 files": file("wide", uses(*(f"w{i}" for i in range(300)))),
        "fan-out of 10^9": file("fan", uses("f0")),
        "60 files of 1 MB comments": file("heavy", uses(*(f"h{i}" for i in range(60)))),
        "60 files of many params": file("params", uses(*(f"p{i}" for i in range(60)))),
        "one file a thousand times": file("again", uses(*["w1"] * 1_000)),
        "itself": file("itself", uses("itself")),
    }


def main(folder: Path) -> None:
    """Check them all, one after another."""
    from dnac.driver import check
    from dnac.text.diagnostic import Faults
    from dnac.text.files import read_source

    for name, path in write(folder).items():
        start = time.process_time()
        try:
            bag = check(read_source(path)).bag
        except Faults as faults:
            bag = faults.bag
        codes = sorted({d.code for d in bag if d.severity == "error"})
        sys.stdout.write(json.dumps([name, codes, time.process_time() - start]) + "\n")
    sys.stdout.write(json.dumps(["peak", [], peak_mib()]) + "\n")


def peak_mib() -> float:
    """This process's own peak memory. `getrusage` would count what its parent held before the exec."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
