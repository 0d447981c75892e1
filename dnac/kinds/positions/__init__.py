"""The words of the `positions` catalogue, one a file."""
