"""From documents to windows: the common end of every data set of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dnac.data import cache
from dnac.data.base import Card, Place
from dnac.data.documents import Document
from dnac.data.load import load_tokenizer
from dnac.data.token_store import TokenStore, store
from dnac.data.windows import TokenWindows
from dnac.ir.form import Form


@dataclass(frozen=True)
class Corpus:
    """Documents that are read only when they are not tokenised yet."""

    name: str
    source: str
    licence: str
    key: tuple[object, ...]
    """Everything that decides the documents."""
    documents: Callable[[], Iterable[Document]]
    notes: tuple[str, ...] = ()


def open_corpus(corpus: Corpus, place: Place, packing: str) -> TokenWindows:
    """Tokenise with the input's tokenizer, or take what is cached, and cut windows.

    Raises:
        Faults: of the tokenizer, of reading, DNA622 where there is too little text.
    """
    tokenizer = load_tokenizer(place.input, place.root)
    key = cache.key_of(*corpus.key, tokenizer.fingerprint, tokenizer.end)
    ids = store(_each(corpus), tokenizer, key, place.cache)
    words = place.input.get("tokenizer")
    made = f"tokenizer {words.name if isinstance(words, Form) else 'bytes'}"
    return TokenWindows(ids, context_of(place.input), packing, card_of(corpus, ids, made))


def _each(corpus: Corpus) -> Iterable[Document]:
    """Documents, read at the first one asked for."""
    yield from corpus.documents()


def card_of(corpus: Corpus, ids: TokenStore, *notes: str) -> Card:
    """What is known of a corpus once it is tokenised."""
    documents = len(ids.ends)
    size = f"{len(ids.tokens):,} tokens in {documents:,} document{'s' if documents != 1 else ''}"
    return Card(corpus.name, corpus.source, corpus.licence, size, ids.sha256, (*corpus.notes, *notes))


def context_of(input: Form) -> int:
    """Tokens of a window of a text input."""
    context = input["context"]
    assert isinstance(context, int)
    return context
