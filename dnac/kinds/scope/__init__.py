"""The words of the `grad` catalogue, one a file."""
