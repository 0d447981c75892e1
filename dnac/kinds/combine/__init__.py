"""The words of the `combine` catalogue, one a file."""
