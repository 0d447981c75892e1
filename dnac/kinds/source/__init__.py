"""The words of the `source` catalogue, one a file."""
