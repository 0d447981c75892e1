"""What diagnostics look like: carets under the right characters, whatever stands on the line."""

from __future__ import annotations

from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.render import as_json, render
from dnac.text.source import Source, Span


def at(text: str, piece: str, path: str = "a.dna") -> Span:
    start = text.index(piece)
    return Span(Source(path, text), start, start + len(piece))


def shown(text: str, piece: str) -> tuple[str, str]:
    """The source line and the caret line, without their frame."""
    lines = render(Diagnostic("DNA201", "m", at(text, piece))).split("\n")
    return lines[3].split("|", 1)[1][1:], lines[4].split("|", 1)[1][1:]


def test_a_diagnostic_shows_message_place_line_caret_help_and_notes():
    text = "dna 1\nnet a {\n  mlpp(4x)\n}\n"
    diagnostic = Diagnostic(
        "DNA201",
        "unknown kind `mlpp`",
        at(text, "mlpp"),
        "no kind has this name",
        "did you mean `mlp`?",
        ("one", "two"),
    )
    assert render(diagnostic) == (
        "error[DNA201]: unknown kind `mlpp`\n"
        " --> a.dna:3:3\n"
        "  |\n"
        "3 |   mlpp(4x)\n"
        "  |   ^^^^ no kind has this name\n"
        "  = help: did you mean `mlp`?\n"
        "  = note: one\n"
        "  = note: two"
    )


def test_second_places_are_shown_in_order_also_in_other_files():
    text = "dna 1\nparam a = 1\n\n\n\nparam a = 2\n"
    other = at("dna 1\nmodule a = 3\n", "module", "std/b.dna")
    first, again = at(text, "a = 1"), at(text, "a = 2")
    diagnostic = Diagnostic("DNA202", "again", again, "here", labels=(Label(first, "first"), Label(other, "and here")))
    assert render(diagnostic) == (
        "error[DNA202]: again\n"
        " --> a.dna:6:7\n"
        "  |\n"
        "2 | param a = 1\n"
        "  |       ----- first\n"
        "...\n"
        "6 | param a = 2\n"
        "  |       ^^^^^ here\n"
        " ::: std/b.dna:2:1\n"
        "  |\n"
        "2 | module a = 3\n"
        "  | ------ and here"
    )


def test_tabs_are_spaced_out_and_carets_still_fit():
    assert shown("\tx\tyy\n", "yy") == ("    x    yy", "         ^^")


def test_control_characters_are_escaped_and_carets_still_fit():
    line, caret = shown("a \x1b[31m yy", "yy")
    assert line == "a \\x1b[31m yy"
    assert caret.index("^") == line.index("yy")


def test_wide_and_combining_characters_take_their_columns():
    assert shown("日本 yy", "yy")[1] == "     ^^"
    assert shown("e\u0301 yy", "yy")[1] == "  ^^"


def test_a_wide_line_is_trimmed_around_its_caret():
    line, caret = shown("a" * 500 + "HERE" + "b" * 500, "HERE")
    assert len(line) <= 120
    assert line.startswith("...")
    assert line.endswith("...")
    assert line[caret.index("^") : caret.rindex("^") + 1] == "HERE"


def test_the_ends_of_a_wide_line_are_trimmed_on_one_side_only():
    assert shown("HERE" + "b" * 500, "HERE")[0].startswith("HERE")
    assert shown("b" * 500 + "HERE", "HERE")[0].endswith("HERE")


def test_an_empty_span_still_has_a_caret():
    text = "dna 1"
    lines = render(Diagnostic("DNA1", "m", Span(Source("a", text), 5, 5))).split("\n")
    assert lines[-1] == "  |      ^"


def test_a_span_over_several_lines_is_underlined_to_the_end_of_its_first():
    assert shown("f(1,\n  2)", "f(1,\n  2)") == ("f(1,", "^^^^")


def test_without_a_place_only_the_message_and_the_help_are_shown():
    assert render(Diagnostic("DNA001", "gone", None, help="look")) == "error[DNA001]: gone\n  = help: look"


def test_colour_changes_no_character_of_the_text():
    text = "dna 1\nx y\n"
    diagnostic = Diagnostic("DNA1", "m", at(text, "y"), "l", "h", ("n",), (Label(at(text, "x"), "s"),), "warning")
    coloured = render(diagnostic, colour=True)
    assert "\x1b[1;33mwarning[DNA1]\x1b[0m" in coloured
    plain = coloured
    for code in ("1", "1;31", "1;32", "1;33", "1;34", "1;36", "0"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render(diagnostic)


def test_json_has_the_documented_fields_with_exclusive_ends():
    diagnostic = Diagnostic("DNA201", "m", at("dna 1\n  é yy\n", "yy"), help="h", severity="warning")
    assert as_json(diagnostic) == {
        "code": "DNA201",
        "severity": "warning",
        "message": "m",
        "file": "a.dna",
        "line": 2,
        "column": 5,
        "end_line": 2,
        "end_column": 7,
        "help": "h",
    }
    assert as_json(Diagnostic("DNA001", "m", None))["line"] is None
