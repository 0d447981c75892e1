"""`dnac lsp`: the language server that editors start; it speaks on standard input and output."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from dnac.cli.base import Command
from dnac.cli.usage import WrongUse


def add_arguments(parser: ArgumentParser) -> None:
    """`--stdio`, which many editors pass, is all there is."""
    parser.add_argument("--stdio", action="store_true", help="speak on standard input and output (the only way)")


def run(args: Namespace) -> int:
    """Serve until the editor leaves.

    Raises:
        WrongUse: pygls, the optional extra, is not installed.
    """
    try:
        from dnac.lsp.server import make_server
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise WrongUse("the language server needs pygls", "pip install 'dnac-lang[lsp]'") from None
    # copies, since the server closes what it is given, and the command line flushes its own at the end
    with os.fdopen(os.dup(0), "rb") as reader, os.fdopen(os.dup(1), "wb") as writer:
        make_server().start_io(reader, writer)
    return 0


COMMAND = Command("lsp", "serve editors: faults while typing, hover, definitions, completion", add_arguments, run)
