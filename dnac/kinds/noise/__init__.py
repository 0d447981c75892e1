"""The words of the `noise` catalogue, one a file."""
