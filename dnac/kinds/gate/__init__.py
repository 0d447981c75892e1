"""The words of the `gate` catalogue, one a file."""
