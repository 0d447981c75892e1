"""Each page of a fault found here shows a file that has it, and one in which it is mended."""

import re

import pytest

from checking import checked
from dnac.text.explain import codes, page

PAGES = [c for c in codes() if re.match(r"DNA([2-5]\d\d|60\d|61\d|901)", c)]
NEED_OTHER_FILES = {"DNA212", "DNA213", "DNA214"}


def examples(code: str) -> tuple[str, str]:
    bad, good = re.findall(r"```dna\n(.*?)```", page(code), re.DOTALL)
    return bad, good


@pytest.mark.parametrize("code", [c for c in PAGES if c not in NEED_OTHER_FILES])
def test_the_bad_example_has_the_fault(code: str) -> None:
    found = [d.code for d in checked(examples(code)[0]).bag]
    assert code in found and len(set(found)) == 1, found


@pytest.mark.parametrize("code", PAGES)
def test_the_repaired_example_is_fine(code: str) -> None:
    assert [f"{d.code} {d.span}: {d.message}" for d in checked(examples(code)[1]).bag] == []
