"""The words of the `weight` catalogue, one a file."""
