"""The words of the `head` catalogue, one a file."""
