"""The words of the `sees` catalogue, one a file."""
