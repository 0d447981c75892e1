"""The words of the `shape` catalogue, one a file."""
