"""The words of the `amount` catalogue, one a file."""
