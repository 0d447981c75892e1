"""The words of the `read` catalogue, one a file."""
