"""One lowering a file."""
