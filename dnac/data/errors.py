"""Faults of data and of what is asked of a trained run (DNA620 to DNA649)."""

from __future__ import annotations

from pathlib import Path

from dnac.text.diagnostic import Diagnostic


def _fault(code: str, message: str, help: str = "", notes: tuple[str, ...] = ()) -> Diagnostic:
    return Diagnostic(code, message, None, help=help, notes=notes)


def file_not_found(written: str, path: Path) -> Diagnostic:
    """A path in the file leads nowhere."""
    return _fault(
        "DNA620",
        f"no file or folder `{written}`",
        "correct the path; a relative one starts at the folder of the .dna file",
        (f"looked for {path}",),
    )


def file_damaged(path: Path, reason: str) -> Diagnostic:
    """A file is there and cannot be what it should be."""
    return _fault("DNA621", f"`{path}` is damaged: {reason}", "fetch or make the file again")


def corpus_too_short(name: str, tokens: int, needed: int) -> Diagnostic:
    """Fewer tokens than one window."""
    if not tokens:
        return _fault("DNA622", f"`{name}` holds no text", "give a file with text, or another split")
    return _fault(
        "DNA622",
        f"`{name}` holds {tokens} tokens, fewer than one window of {needed}",
        "give more text, a larger share of it, or a shorter context",
    )


def no_targets(name: str) -> Diagnostic:
    """Samples of which no target counts."""
    return _fault(
        "DNA622", f"no target of `{name}` counts in what is measured", "take a longer context, or more batches of it"
    )


def no_images(name: str) -> Diagnostic:
    """A data set without samples."""
    return _fault("DNA622", f"`{name}` holds no images", "give a file or folder with images, or another split")


def nothing_in_split(name: str, split: str, samples: int) -> Diagnostic:
    """A share so small or so large that a split of a task is empty."""
    return _fault(
        "DNA622", f"the split `{split}` of `{name}` holds none of its {samples:,} samples", "change the share `valid`"
    )


def label_out_of_range(name: str, label: int, sample: int, classes: int) -> Diagnostic:
    """A label that the head has no output for."""
    return _fault(
        "DNA623",
        f"image {sample} of `{name}` has label {label}, but the net has classes 0 to {classes - 1}",
        f"set classes = {label + 1} or more, or correct the labels" if label >= 0 else "correct the labels",
    )


def class_names_differ(name: str, found: int, classes: int) -> Diagnostic:
    """More class folders or names than outputs."""
    return _fault(
        "DNA623", f"`{name}` has {found} classes, but the net has {classes}", f"set classes = {found} in the input"
    )


def vocabulary_mismatch(tokenizer: str, size: int, vocabulary: int) -> Diagnostic:
    """The tokenizer can give ids that the net has no row for."""
    return _fault(
        "DNA624",
        f"the tokenizer `{tokenizer}` has {size} ids, but the net's vocabulary is {vocabulary}",
        f"set vocabulary = {size} in the input",
    )


def task_vocabulary(name: str, ids: int, vocabulary: int) -> Diagnostic:
    """A task with ids that the net has no row for."""
    return _fault(
        "DNA624",
        f"`{name}` has {ids} ids, but the net's vocabulary is {vocabulary}",
        f"set vocabulary = {ids} in the input",
    )


def id_out_of_range(path: Path, token: int, place: int, vocabulary: int) -> Diagnostic:
    """A token file holds an id that the net has no row for."""
    return _fault(
        "DNA624",
        f"token {place} of `{path}` is {token}, but the net's vocabulary is {vocabulary}",
        "set the vocabulary of the tokenizer that made the file, or correct `dtype`",
    )


def size_mismatch(name: str, found: tuple[int, ...], wanted: tuple[int, ...], help: str) -> Diagnostic:
    """Images of another size than the net's input; sizes are (height, width, channels)."""
    shown, asked = (" x ".join(map(str, size)) for size in (found, wanted))
    return _fault("DNA625", f"`{name}` gives images of {shown}, but the net takes {asked}", help)


def task_length(name: str, tokens: int, context: int) -> Diagnostic:
    """Samples of a task that are longer or shorter than the net's context."""
    return _fault(
        "DNA625",
        f"`{name}` gives sequences of {tokens} tokens, but the net's context is {context}",
        f"set context = {tokens} in the input",
    )


def pad_too_large(pad: int, wanted: tuple[int, ...]) -> Diagnostic:
    """Nothing is left for the image itself."""
    shown = " x ".join(map(str, wanted))
    return _fault("DNA625", f"pad = {pad} leaves no image in an input of {shown}", "give a smaller pad")


def per_channel(name: str, found: int, channels: int) -> Diagnostic:
    """Means or deviations for another number of channels."""
    return _fault(
        "DNA625",
        f"`{name}` normalises {found} channels, but its images have {channels}",
        "give one number, or one per channel, for mean and std",
    )


def wrong_input(name: str, gives: str, takes: str) -> Diagnostic:
    """Images for a language model, or text for a vision model."""
    return _fault("DNA626", f"`{name}` gives {gives}, but the net takes {takes}", f"choose a data set of {takes}s")


def tokenizer_missing(name: str) -> Diagnostic:
    """Text, and no way to make ids of it."""
    return _fault(
        "DNA627",
        f"`{name}` gives text, but the input has no tokenizer",
        "set tokenizer = bytes in the input, or use tokens(...) for ids",
    )


def array_missing(path: Path, name: str, found: list[str]) -> Diagnostic:
    """An archive without the array that was asked for."""
    return _fault(
        "DNA621",
        f"`{path}` has no array `{name}`",
        "name the arrays: images = ..., labels = ...",
        (f"it has {', '.join(found) or 'none'}",),
    )


def not_pictures(name: str, images: tuple[int, ...], labels: tuple[int, ...]) -> Diagnostic:
    """Arrays of another rank or type than images and labels have."""
    return _fault(
        "DNA625",
        f"`{name}` has arrays of {list(images)} and {list(labels)}, not images and labels",
        "give images [n, height, width] or [n, height, width, channels] of numbers, and labels [n] of integers",
    )


def token_missing(path: Path, token: str) -> Diagnostic:
    """The asked end-of-document token is not in the file."""
    return _fault("DNA621", f"`{path}` has no token `{token}`", "name a token that the file has, or leave `end` out")


def extra_missing(name: str, package: str, extra: str) -> Diagnostic:
    """An optional package is not installed."""
    return _fault("DNA628", f"`{name}` needs the package `{package}`", f'pip install "dnac-lang[{extra}]"')


def valid_is_train(name: str) -> Diagnostic:
    """The same samples for both."""
    return _fault(
        "DNA629",
        f"`valid` holds the same samples as `data` (`{name}`)",
        'give each its own split: split = "train" and split = "valid"',
    )


def not_utf8(path: Path, offset: int) -> Diagnostic:
    """Bytes that are no text."""
    return _fault("DNA630", f"`{path}` is not UTF-8 text: byte {offset}", "convert the file to UTF-8")


def counts_differ(name: str, images: int, labels: int) -> Diagnostic:
    """Images and labels do not pair up."""
    return _fault("DNA631", f"`{name}` has {images} images and {labels} labels", "give files that belong together")


def normalisation_differs(data: str, valid: str) -> Diagnostic:
    """Training and validation images would be scaled differently."""
    return _fault(
        "DNA632",
        f"`valid` normalises images by {valid}, but `data` by {data}",
        "write the same mean, std and pad in both",
    )


def record_without_text(path: Path, line: int, field: str) -> Diagnostic:
    """A line of a jsonl file that is no object with the asked field."""
    return _fault(
        "DNA633",
        f"line {line} of `{path}` is no JSON object with text in `{field}`",
        'name the field that holds the text: field = "content"',
    )


def column_missing(name: str, field: str, found: list[str]) -> Diagnostic:
    """A table without the column of text."""
    return _fault(
        "DNA633",
        f"`{name}` has no text in the column `{field}`",
        "name the column that holds the text: field = ...",
        (f"it has {', '.join(found) or 'none'}",),
    )


def cache_unusable(path: Path, reason: str) -> Diagnostic:
    """Nowhere to put tokenised text."""
    return _fault("DNA634", f"cannot use the cache folder `{path}`: {reason}", "set DNAC_CACHE to a folder of your own")


def source_missing(name: str, reason: str) -> Diagnostic:
    """Embedded data that this installation does not have."""
    return _fault("DNA635", f"`{name}` cannot be had here: {reason}", "correct the name, or use files of your own")
