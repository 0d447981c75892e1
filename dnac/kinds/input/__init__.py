"""The words of the `input` catalogue, one a file."""
