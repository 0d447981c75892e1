"""The words of the `score` catalogue, one a file."""
