"""Data sets, tokenizers, batches."""
