"""The words of the `module` catalogue, one a file."""
