"""What users may rely on: names in Python, commands and their options. A change here is a change for them."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser

import dnac
import golden
from dnac import catalogue
from dnac.cli.main import help_text
from dnac.cli.options import add_common


def test_the_public_names_are_the_golden_ones():
    assert all(getattr(dnac, name) is not None for name in dnac.__all__)
    golden.check("public_api.txt", "\n".join(sorted(dnac.__all__)) + "\n")


def test_the_help_text_is_the_golden_one():
    golden.check("cli/help.txt", help_text())


def test_the_options_of_commands_are_the_golden_ones():
    golden.check("cli/options.txt", "".join(options(name) for name in catalogue.names("command")))


def options(name: str) -> str:
    """Arguments of one command, a line each (argparse's own layout differs between Python versions)."""
    parser = ArgumentParser(prog=name, add_help=False, conflict_handler="resolve")
    add_common(parser)
    catalogue.get("command", name).add_arguments(parser)
    lines = [
        f"  {' '.join(action.option_strings) or action.metavar or action.dest}: {action.help}"
        for action in parser._actions
        if action.help != SUPPRESS
    ]
    return "\n".join([f"dnac {name}", *sorted(lines)]) + "\n\n"
