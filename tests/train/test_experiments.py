"""Every experiment: its arms are nets that check, its claims about its arms, and its seeds the reported ones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dnac.driver import check
from dnac.text.files import read_source

HOME = Path(__file__).parents[2] / "examples" / "experiments"
RUNS = sorted(HOME.glob("*/run.py"))


@pytest.fixture(params=RUNS, ids=lambda p: p.parent.name)
def experiment(request: pytest.FixtureRequest) -> ModuleType:
    """A `run.py`, imported under a name of its own."""
    path: Path = request.param
    name = f"{path.parent.name}_experiment"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_arms_are_nets_and_claims_are_about_arms(experiment: ModuleType) -> None:
    series = experiment.SERIES
    names = [arm.name for arm in series.arms]
    assert len(set(names)) == len(names)
    assert series.seeds == (42, 137, 256, 512, 1024)
    if series.table is None:  # a table of its own may make arms of its own, such as a sweep over one run
        assert not [claim for claim in series.claims if not {*claim.arms} <= {*names}]
    for path in {arm.spec or series.spec for arm in series.arms} - {None}:
        found = check(read_source(path))
        assert not [d.message for d in found.bag if d.severity == "error"]
        known = {net.name for net in found.nets}
        own = [arm for arm in series.arms if (arm.spec or series.spec) == path]
        assert series.work or not [arm.name for arm in own if (arm.net or arm.name) not in known]


def test_a_series_trains_and_measures_or_does_work_of_its_own(experiment: ModuleType) -> None:
    assert (experiment.SERIES.measure is None) != (experiment.SERIES.work is None)
    assert (Path(experiment.__file__ or "").parent / "README.md").is_file(), "pass lines are written down before"
