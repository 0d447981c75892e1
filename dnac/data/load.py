"""Open a data set or a tokenizer that a file names, and refuse it where it does not fit the net."""

from __future__ import annotations

from pathlib import Path

from dnac import catalogue
from dnac.data import errors
from dnac.data.base import Dataset, Place, Tokenizer
from dnac.ir.form import Form
from dnac.kinds.base import params_of
from dnac.text.diagnostic import Faults

_BYTES = Form("bytes")
"""The tokenizer where a text input says none."""


def load(form: Form, input: Form, root: Path, cache: Path | None = None) -> Dataset:
    """The data set that `form` names, opened, checked against the net's input, ready to give batches.

    `root` is the folder of the spec file. `cache` holds tokenised text (default: the user's cache folder).

    Raises:
        Faults: one DNA62x or DNA63x diagnostic that says what is wrong with the data.
    """
    kind = catalogue.get("dataset", form.name)
    if kind.accepts != input.name:
        raise Faults(errors.wrong_input(form.name, kind.accepts, input.name))
    return kind.open(params_of(kind, form), Place(input, Path(root), cache))


def load_pair(train: Form, input: Form, root: Path, cache: Path | None = None) -> tuple[Dataset, Dataset]:
    """`data` and `valid` of a `train{...}` form, each loaded, and checked against each other.

    Raises:
        Faults: as `load`; DNA629 for equal samples, DNA632 for unlike normalisation.
    """
    data, valid = (train[k] for k in ("data", "valid"))
    assert isinstance(data, Form) and isinstance(valid, Form)
    first, second = load(data, input, root, cache), load(valid, input, root, cache)
    require_pair(first, second, data.name)
    return first, second


def require_pair(first: Dataset, second: Dataset, name: str) -> None:
    """Training data (called `name`) and held-out data must be different, and made alike.

    Raises:
        Faults: DNA629 for equal samples, DNA632 for unlike normalisation.
    """
    if first.fingerprint == second.fingerprint:
        raise Faults(errors.valid_is_train(name))
    ways = [getattr(d, "normalisation", "") for d in (first, second)]
    if ways[0] != ways[1]:
        raise Faults(errors.normalisation_differs(ways[0], ways[1]))


def load_tokenizer(input: Form, root: Path) -> Tokenizer:
    """The tokenizer of a text input, checked against its vocabulary.

    Raises:
        Faults: DNA620, DNA621 for its file, DNA624 where it has more ids than the net, DNA627 for `none`.
    """
    form = input.get("tokenizer") or _BYTES
    if not isinstance(form, Form) or form.name == "none":
        raise Faults(errors.tokenizer_missing(input.name))
    kind = catalogue.get("tokenizer", form.name)
    tokenizer: Tokenizer = kind.open(params_of(kind, form), Path(root))
    vocabulary = input["vocabulary"]
    if isinstance(vocabulary, int) and tokenizer.size > vocabulary:
        raise Faults(errors.vocabulary_mismatch(form.name, tokenizer.size, vocabulary))
    return tokenizer
