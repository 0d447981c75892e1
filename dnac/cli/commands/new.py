"""`dnac new NAME --kind dna-text`: write a commented spec that checks, and trains on data that comes with dnac."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from dnac.cli.base import Command
from dnac.cli.options import status, wants_json
from dnac.cli.usage import WrongUse

TEMPLATES = Path(__file__).parents[2] / "std" / "new"
KINDS = ("dense", "moe", "dna-text", "dna-vision")


def add_arguments(parser: ArgumentParser) -> None:
    """`NAME`, `--kind` and `--out`."""
    parser.add_argument("name", metavar="NAME", help="the name of the net")
    parser.add_argument("--kind", choices=KINDS, default="dna-text", help="what to start from (default dna-text)")
    parser.add_argument("--out", metavar="FILE", help="where to write (default NAME.dna); `-` writes to stdout")


def run(args: Namespace) -> int:
    """Write the file; one that is there already is never overwritten."""
    out = args.out or f"{args.name}.dna"
    text = spec(args.kind, args.name, f"{args.name}.dna" if out == "-" else out)
    if out == "-":
        sys.stdout.write(text)
        return 0
    try:
        with Path(out).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUse(f"{out} is there already", "give another name, or another file by --out") from None
    except OSError as error:
        raise WrongUse(f"cannot write {out}: {(error.strerror or 'no file can have this name').lower()}") from error
    if wants_json(args):
        print(json.dumps({"version": 1, "path": out, "name": args.name, "kind": args.kind}))
    else:
        status(f"wrote {out}; next: dnac check {out}; dnac train {out}")
    return 0


def spec(kind: str, name: str, file: str) -> str:
    """The text of a starter spec.

    Raises:
        WrongUse: nothing can have this name.
    """
    from dnac.semantics.check import check
    from dnac.text.source import Source

    text = (TEMPLATES / f"{kind}.dna").read_text(encoding="utf-8")
    if not name.isidentifier() or not name.isascii():
        raise WrongUse(f"`{name}` cannot name a net", "use letters, digits and `_`, not beginning with a digit")
    text = text.replace("FILE", "".join(c if c.isprintable() else "?" for c in file)).replace("NAME", name)
    fault = next((d for d in check(Source(file, text)).bag if d.severity == "error"), None)
    if fault is not None:
        raise WrongUse(f"`{name}` cannot name a net: {fault.message}", "give another name")
    return text


COMMAND = Command("new", "write a commented spec to start from", add_arguments, run)
