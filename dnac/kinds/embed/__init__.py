"""The words of the `embed` catalogue, one a file."""
