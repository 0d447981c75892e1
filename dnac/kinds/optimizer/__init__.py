"""The words of the `optimizer` catalogue, one a file."""
