"""Data sets and tokenizers: `load` a data set for a net, `load_tokenizer` for its input."""

from dnac.data.base import Batch, Card, Dataset, Place, Tokenizer
from dnac.data.load import load, load_pair, load_tokenizer, require_pair

__all__ = ["Batch", "Card", "Dataset", "Place", "Tokenizer", "load", "load_pair", "load_tokenizer", "require_pair"]
