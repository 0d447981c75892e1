"""The words of the `balance` catalogue, one a file."""
