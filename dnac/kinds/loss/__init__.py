"""The words of the `loss` catalogue, one a file."""
