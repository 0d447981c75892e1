"""The words of the `activation` catalogue, one a file."""
