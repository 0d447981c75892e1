"""The words of the `start` catalogue, one a file."""
