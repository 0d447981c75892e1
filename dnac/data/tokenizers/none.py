"""No tokenizer: the data are ids already."""

from __future__ import annotations

from dnac.data.base import TokenizerKind

TOKENIZER = TokenizerKind("none", "no tokenizer: the data are ids already")
