"""One tokenizer a file."""
