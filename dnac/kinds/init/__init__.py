"""The words of the `init` catalogue, one a file."""
