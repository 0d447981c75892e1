"""`dnac fmt FILE...`: write specs in canonical form."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from dnac.cli.base import Command
from dnac.cli.options import status, wants_json
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.text.source import Source


def add_arguments(parser: ArgumentParser) -> None:
    """`FILE... [--check] [--diff]`"""
    parser.add_argument("files", metavar="FILE", nargs="+", help="spec files; `-` reads stdin and writes stdout")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")


def run(args: Namespace) -> int:
    """Format each file; a file with faults is left alone and reported, the others are still formatted."""
    from dnac.text.diagnostic import Bag, Faults

    if "-" in args.files and (len(args.files) > 1 or wants_json(args)):
        raise WrongUse("`-` stands alone, and without --json")
    faults = Bag()
    changed: dict[str, bool] = {}
    for path in args.files:
        try:
            changed[path] = _format(path, args)
        except Faults as found:
            for diagnostic in found.bag:
                faults.add(diagnostic)
    if faults.items:
        raise Faults(faults)
    if wants_json(args):
        listed = [{"path": path, "changed": is_changed} for path, is_changed in changed.items()]
        print(json.dumps({"version": 1, "ok": not (args.check and any(changed.values())), "files": listed}))
    return 1 if args.check and any(changed.values()) else 0


def _format(path: str, args: Namespace) -> bool:
    """Format one file as the options say; whether the canonical text differs."""
    from dnac.text.files import read_source, source_of

    source = source_of("<stdin>", sys.stdin.buffer.read()) if path == "-" else read_source(path)
    text = _canonical(source)
    written = source.text if path == "-" else Path(path).read_bytes().decode("utf-8")
    is_changed = text != written
    if args.diff and is_changed and not wants_json(args):
        sys.stdout.writelines(_diff(path, source.text, text))
    if args.check and is_changed:
        status(f"{path}: not in canonical form")
    if path == "-" and not (args.check or args.diff):
        sys.stdout.write(text)
    elif is_changed and not (args.check or args.diff):
        _replace(Path(path), text)
        status(f"{path}: formatted")
    return is_changed


def _canonical(source: Source) -> str:
    """The canonical text, proven to mean the same.

    Raises:
        Faults: the text has syntax errors.
        InternalError: the canonical text would not mean the same; nothing is written.
    """
    from dnac.syntax.formatter import format_file
    from dnac.syntax.parser import parse
    from dnac.text.diagnostic import Bag, Faults, InternalError
    from dnac.text.source import Source

    bag = Bag()
    file = parse(source, bag)
    if file is None or bag.has_errors:
        raise Faults(bag)
    text = format_file(file)
    again = parse(Source(source.path, text), Bag())
    if again is None or again != file or [c.text for c in again.comments] != [c.text for c in file.comments]:
        raise InternalError("syntax.formatter", f"formatting {source.path} would change its meaning")
    return text


def _diff(path: str, before: str, after: str) -> list[str]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return [
        line if line.endswith("\n") else line + "\n" for line in unified_diff(old, new, path, f"{path} (formatted)")
    ]


def _replace(path: Path, text: str) -> None:
    """Publish by rename, so that a crash leaves either the old file or the new one; links and modes stay."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, target.stat().st_mode & 0o7777)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


COMMAND = Command("fmt", "write spec files in canonical form", add_arguments, run)
