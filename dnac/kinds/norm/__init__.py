"""The words of the `norm` catalogue, one a file."""
