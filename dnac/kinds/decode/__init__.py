"""The words of the `limit` catalogue, one a file."""
