"""The words of the `choose` catalogue, one a file."""
