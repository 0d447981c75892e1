"""What tests of data share: opening with a cache of their own, and being refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dnac.data import Dataset, load
from dnac.ir.form import Form
from dnac.text.diagnostic import Diagnostic, Faults


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Form, Form], Dataset]:
    """`opened(form, input)`: paths start at tmp_path, the cache is below it."""
    return lambda words, source: load(words, source, tmp_path, tmp_path / ".cache")


@pytest.fixture
def refused(opened: Callable[[Form, Form], Dataset]) -> Callable[[Form, Form], Diagnostic]:
    """The one diagnostic with which a data set is refused."""

    def refuse(words: Form, source: Form) -> Diagnostic:
        with pytest.raises(Faults) as caught:
            opened(words, source)
        (only,) = caught.value.bag
        return only

    return refuse
