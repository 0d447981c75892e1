"""The words of the `precision` catalogue, one a file."""
