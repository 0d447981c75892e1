"""Forms of inputs, as elaboration makes them: for tests of data, training and generation."""

from __future__ import annotations

from dnac.ir.form import Form, form

BYTES = form("bytes")


def text_input(context: int = 8, vocabulary: int = 256, tokenizer: Form = BYTES) -> Form:
    """The form of a text input."""
    return form("text", context=context, vocabulary=vocabulary, tokenizer=tokenizer)


def image_input(height: int = 8, width: int = 8, channels: int = 1, classes: int = 10) -> Form:
    """The form of an image input."""
    return form("image", size=(height, width), channels=channels, classes=classes)
