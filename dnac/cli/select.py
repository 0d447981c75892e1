"""From `FILE:net` and `--set` to one checked net."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dnac.cli.options import status, wants_colour, wants_json
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.semantics.result import CheckedFile, CheckedNet
    from dnac.syntax.ast import Setting
    from dnac.text.diagnostic import Diagnostic


def split_target(target: str) -> tuple[Path, str | None]:
    """`small.dna:a` is (small.dna, "a"); a file whose own name holds the colon wins."""
    from dnac.driver import split_target

    return split_target(target)


def parse_settings(texts: Sequence[str]) -> tuple[Setting, ...]:
    """The values of `--set`.

    Raises:
        Faults: one of them is no setting.
    """
    from dnac.syntax.parser import parse_setting

    return tuple(parse_setting(text) for text in texts)


def check_file(args: Namespace) -> tuple[CheckedFile, str | None]:
    """Check the file that `args.target` names, with `args.settings`; also the net that it names, if any.

    Warnings go to stderr, unless the result is JSON.

    Raises:
        Faults: the file has faults.
        WrongUse: it has no net of that name.
    """
    from dnac.driver import check
    from dnac.text.diagnostic import Faults
    from dnac.text.files import read_source

    path, net = split_target(args.target)
    checked = check(read_source(path), parse_settings(getattr(args, "settings", [])), net)
    for diagnostic in checked.bag:
        if diagnostic.code == "DNA209" and diagnostic.span is None:  # the net of FILE:net, not one in the file
            raise WrongUse(diagnostic.message, diagnostic.help)
    if checked.bag.has_errors:
        raise Faults(checked.bag)
    for diagnostic in checked.bag:
        if not wants_json(args) and diagnostic.severity != "note":  # notes are for `check` and for editors
            status(render(diagnostic, args))
    return checked, net


def choose_net(checked: CheckedFile, net: str | None) -> CheckedNet:
    """The net called `net`, or the only one of the file.

    Raises:
        WrongUse: the file has several nets and none was named, has none, or has none of that name.
    """
    from dnac.text.suggest import nearest

    nets = {n.name: n for n in checked.nets}
    path = checked.source.path
    if net is None:
        if len(nets) == 1:
            return next(iter(nets.values()))
        if not nets:
            raise WrongUse(f"{path} declares no net")
        raise WrongUse(f"{path} declares {len(nets)} nets: {', '.join(nets)}", f"name one: {path}:{next(iter(nets))}")
    if net not in nets:
        close = nearest(net, tuple(nets)) or next(iter(nets), "")
        raise WrongUse(f"{path} has no net `{net}`", f"did you mean {path}:{close}?" if close else "")
    return nets[net]


def check_net(args: Namespace) -> CheckedNet:
    """Check the file that `args.target` names and return the one net that is meant.

    Raises:
        Faults: the file has faults.
        WrongUse: which net is meant is not clear.
    """
    return choose_net(*check_file(args))


def render(diagnostic: Diagnostic, args: Namespace | None) -> str:
    """A diagnostic as text for stderr."""
    import sys

    from dnac.text.render import render as render_diagnostic

    return render_diagnostic(diagnostic, wants_colour(args, sys.stderr))
