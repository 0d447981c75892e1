"""What holds for every word of every catalogue of kinds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dnac import catalogue
from dnac.kinds.base import Kind, params_of
from dnac.kinds.params import INHERIT
from dnac.kinds.planned import PLANNED

WORDS = [
    (of, name)
    for of, (_, constant) in catalogue.CATALOGUES.items()
    if constant == "KIND"
    for name in catalogue.names(of)
]


@pytest.mark.parametrize(("of", "name"), WORDS)
def test_a_word_is_called_like_its_file_and_says_what_it_is(of, name):
    kind = catalogue.get(of, name)
    assert isinstance(kind, Kind)
    assert kind.name == name
    assert kind.summary.endswith(".") and len(kind.summary) < 120


@pytest.mark.parametrize(("of", "name"), WORDS)
def test_every_argument_is_explained(of, name):
    from dnac.kinds.document import explained

    Params = catalogue.get(of, name).Params
    assert set(explained(Params)) == set(Params.model_fields)


@pytest.mark.parametrize(("of", "name"), WORDS)
def test_defaults_are_complete_forms(of, name):
    """A default written short (`layer` without its arguments) would be another form than the user's `layer`."""
    for field in catalogue.get(of, name).Params.model_fields.values():
        default = field.default
        marks = [m for m in field.metadata if hasattr(m, "catalogue")]
        if marks and not field.is_required() and default not in (None, INHERIT):
            kind = catalogue.get(marks[0].catalogue, default.name)
            assert params_of(kind, default).form(default.name) == default


def test_router_and_train_defaults_are_complete_forms():
    from dnac.kinds.router import RouterParams
    from dnac.kinds.train import TrainParams

    for params in (RouterParams, TrainParams):
        for field in params.model_fields.values():
            marks = [m for m in field.metadata if hasattr(m, "catalogue")]
            if marks and not field.is_required() and field.default is not None:
                kind = catalogue.get(marks[0].catalogue, field.default.name)
                assert params_of(kind, field.default).form(field.default.name) == field.default


def test_a_planned_word_is_not_built_and_has_one_sentence():
    for (of, name), sentence in PLANNED.items():
        if of in catalogue.CATALOGUES:
            assert name not in catalogue.names(of), f"{of} {name} is built: take it out of PLANNED"
        assert sentence and not sentence.endswith(".") and ". " not in sentence


def test_no_word_loads_torch():
    code = (
        "import sys\n"
        "from dnac import catalogue\n"
        "import dnac.kinds.router, dnac.kinds.train, dnac.kinds.planned\n"
        "for of, (_, constant) in catalogue.CATALOGUES.items():\n"
        "    if constant == 'KIND':\n"
        "        for name in catalogue.names(of): catalogue.get(of, name)\n"
        "print(*sorted({'torch', 'numpy', 'networkx', 'rich'} & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""
